#include "engine/runtime/state_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "sdk/base/digest.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::runtime {
namespace fs = std::filesystem;
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// Bytes that a socket's path may have below it, of the 108 that the kernel allows.
constexpr std::size_t kLongestRoot = 60;

/// $XDG_RUNTIME_DIR/scanflow, or a directory of this user's own in /tmp where there is none, or its
/// path is too long.
fs::path socket_root() {
  const std::string runtime = environment("XDG_RUNTIME_DIR");
  if (!runtime.empty() && runtime.size() <= kLongestRoot && ::access(runtime.c_str(), W_OK) == 0)
    return fs::path(runtime) / "scanflow";
  return fmt::format("/tmp/scanflow-{}", ::getuid());
}

/// In a shared /tmp somebody else could have made it first: then it is refused.
Result<void> make_private(const fs::path& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(describe_errno("cannot make the socket directory", directory, errno));
  }
  struct stat status {};
  if (::lstat(directory.c_str(), &status) != 0) {
    return fail(describe_errno("cannot use the socket directory", directory, errno));
  }
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::getuid() || (status.st_mode & 0077) != 0) {
    return fail(
        fmt::format("the socket directory {} is not a directory of this user's alone (mode 0700): "
                    "remove it, or "
                    "set XDG_RUNTIME_DIR",
                    directory.string()));
  }
  return {};
}

}  // namespace

Result<StateDirectory> find_state_directory(const std::string& chosen) {
  fs::path root = chosen.empty() ? environment("SCANFLOW_STATE") : chosen;
  if (root.empty()) {
    const std::string xdg = environment("XDG_STATE_HOME");
    const std::string home = environment("HOME");
    if (xdg.empty() && home.empty()) {
      return fail(
          "no state directory: neither --state, SCANFLOW_STATE, XDG_STATE_HOME nor HOME is set");
    }
    root = xdg.empty() ? fs::path(home) / ".local/state/scanflow" : fs::path(xdg) / "scanflow";
  }
  std::error_code error;
  root = fs::weakly_canonical(fs::absolute(root, error), error);
  if (error)
    return fail(
        fmt::format("cannot use the state directory {}: {}", root.string(), error.message()));
  return StateDirectory{root, socket_root() / sha256_hex(root.string()).substr(0, 16)};
}

Result<void> create(const StateDirectory& state) {
  std::error_code error;
  fs::create_directories(state.root.parent_path(), error);
  // Logs, parameters and outputs are nobody else's business. One that was made before is left as
  // it is: a team may share it.
  if (!error && ::mkdir(state.root.c_str(), 0700) != 0 && !fs::is_directory(state.root))
    error = std::error_code(errno, std::generic_category());
  if (error) {
    return fail(fmt::format("cannot make the state directory {}: {} (choose another with --state)",
                            state.root.string(), error.message()));
  }
  if (auto made = make_private(state.sockets.parent_path()); !made) return made;
  return make_private(state.sockets);
}

Result<std::optional<ProcessLock>> ProcessLock::try_take(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return fail(describe_errno("cannot open", file, errno) +
                " (the engine needs to write its state directory; choose another with --state)");
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
    const std::string pid = fmt::format("{}\n", ::getpid());  // for messages of others only
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) {
      // A full disk: then nobody is told who holds it.
    }
    return std::optional(ProcessLock(fd));
  }
  const int error = errno;
  ::close(fd);
  if (error == EWOULDBLOCK) return std::optional<ProcessLock>();
  return fail(describe_errno("cannot lock", file, error));
}

bool ProcessLock::is_held(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0;
  ::close(fd);
  return held;
}

pid_t ProcessLock::holder(const fs::path& file) {
  const auto text = read_file(file);
  return text ? static_cast<pid_t>(std::strtol(text->c_str(), nullptr, 10)) : 0;
}

ProcessLock::~ProcessLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace scanflow::runtime
