#include "engine/backend/supervisor_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "sdk/base/files.hpp"
#include "sdk/base/signals.hpp"
#include "sdk/base/unix_socket.hpp"

namespace scanflow::backend {
namespace {

constexpr int kReadyFd = 3;
constexpr int kStartMs = 10'000;
constexpr int kSupervisorEndMs = 2'000;

/// Undoes what a child of this process must not inherit; a session of its own.
class Attributes {
 public:
  Attributes() {
    ::posix_spawnattr_init(&attributes_);
    sigset_t set;
    ::sigemptyset(&set);
    ::posix_spawnattr_setsigmask(&attributes_, &set);
    ::sigfillset(&set);
    ::posix_spawnattr_setsigdefault(&attributes_, &set);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

}  // namespace

SupervisorProcess::SupervisorProcess(const Options& options)
    : worker_(options.worker),
      socket_(options.socket_directory + "/supervisor.sock"),
      work_(options.state_directory + "/work"),
      log_(options.state_directory + "/supervisor.log") {}

int SupervisorProcess::connect() const {
  auto fd = connect_to(socket_);
  return fd ? fd->release() : -1;
}

Result<pid_t> SupervisorProcess::spawn(int ready_fd) {
  std::vector<std::string> words = {"scanflow-worker", "supervise",
                                    "--socket",        socket_,
                                    "--work",          work_,
                                    "--log",           log_,
                                    "--ready-fd",      std::to_string(kReadyFd)};
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const Attributes attributes;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ready_fd, kReadyFd);
  // It may outlive this process, whose sockets would then be taken still.
  ::posix_spawn_file_actions_addclosefrom_np(&actions, kReadyFd + 1);
  pid_t pid = -1;
  const int error =
      ::posix_spawn(&pid, worker_.c_str(), &actions, attributes.get(), argv.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail(describe_errno("cannot start the supervisor", worker_, error));
  return pid;
}

Result<void> SupervisorProcess::start() {
  if (socket_.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(
        fmt::format("the socket's path {} is too long; choose a shorter runtime directory "
                    "(XDG_RUNTIME_DIR)",
                    socket_));
  }
  fate(0);  // reaps one that died
  std::array<int, 2> ready{};
  if (::pipe2(ready.data(), O_CLOEXEC) != 0) {
    return fail("cannot make a pipe: " + std::generic_category().message(errno));
  }
  auto pid = spawn(ready[1]);
  ::close(ready[1]);
  char byte = 0;
  if (pid) {
    pollfd wait{ready[0], POLLIN, 0};
    while (::poll(&wait, 1, kStartMs) < 0 && errno == EINTR) {
    }
    if (wait.revents != 0 && ::read(ready[0], &byte, 1) != 1) byte = 0;
  }
  ::close(ready[0]);
  if (!pid) return fail(pid.error().message);
  pid_ = *pid;
  if (byte == 'r') return {};
  const bool slow = byte == 0 && ::kill(pid_, 0) == 0;
  ::kill(pid_, SIGKILL);
  fate(kSupervisorEndMs);
  return fail(fmt::format("the supervisor ({}) {}{}", worker_,
                          slow ? "did not get ready in 10 s" : "did not start", complaint()));
}

std::string SupervisorProcess::complaint() const {
  const auto text = read_file(log_);
  if (!text || text->empty()) return "; see " + log_;
  std::string_view line = *text;
  while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  line.remove_prefix(line.rfind('\n') == std::string_view::npos ? 0 : line.rfind('\n') + 1);
  return fmt::format(": {} (in {})", line, log_);
}

std::string SupervisorProcess::fate(int patience_ms) {
  if (pid_ <= 0) return {};
  // Its connections close a moment before it can be reaped.
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (fd >= 0) {
    pollfd wait{fd, POLLIN, 0};
    while (::poll(&wait, 1, patience_ms) < 0 && errno == EINTR) {
    }
    ::close(fd);
  }
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return {};
  pid_ = -1;
  return describe_exit(status);
}

}  // namespace scanflow::backend
