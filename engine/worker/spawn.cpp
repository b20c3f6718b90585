#include "engine/worker/spawn.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <system_error>

#include "sdk/base/files.hpp"

namespace scanflow::worker {
namespace {

/// Lives in the parent's memory, which the child shares until exec: so it can say what failed.
struct Child {
  const Program* program;
  char* const* argv;
  char* const* env;
  pid_t parent;
  const char* failed = nullptr;
  int error = 0;
};

// Between clone and exec only system calls: the parent's locks and heap are not the child's.
int fail_child(Child& child, const char* what) {
  child.error = errno;
  child.failed = what;
  ::_exit(127);
}

bool enter_cgroup(const char* procs) {
  const int fd = ::open(procs, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool entered = ::write(fd, "0", 1) == 1;
  const int error = errno;
  ::close(fd);
  errno = error;
  return entered;
}

int run_child(void* argument) {
  Child& child = *static_cast<Child*>(argument);
  const Program& program = *child.program;
  ::setsid();
  if (program.dies_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != child.parent) ::_exit(127);
  }
  if (!program.cgroup.empty() && !enter_cgroup(program.cgroup.c_str())) {
    return fail_child(child, "enter the cgroup");
  }
  if (!program.cwd.empty() && ::chdir(program.cwd.c_str()) != 0) return fail_child(child, "chdir");
  ::dup2(program.stdin_fd, 0);
  ::dup2(program.stdout_fd, 1);
  ::dup2(program.stderr_fd, 2);
  if (program.extra_fd >= 0) {
    if (program.extra_fd == 3) {
      ::fcntl(3, F_SETFD, 0);
    } else {
      ::dup2(program.extra_fd, 3);
    }
  }
  // Others forget to say it of theirs: a listening socket would outlive its process in this one.
  ::syscall(SYS_close_range, program.extra_fd >= 0 ? 4u : 3u, ~0u, CLOSE_RANGE_CLOEXEC);
  if (program.open_files.rlim_max != 0) ::setrlimit(RLIMIT_NOFILE, &program.open_files);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(program.file.c_str(), child.argv, child.env);
  return fail_child(child, "exec");
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

std::string explain(const Child& child) {
  const Program& program = *child.program;
  const std::string reason = std::generic_category().message(child.error);
  if (std::string_view(child.failed) == "chdir") {
    return fmt::format("cannot enter the working directory {}: {}; does it exist?", program.cwd,
                       reason);
  }
  if (std::string_view(child.failed) != "exec") {
    return fmt::format("cannot {} {}: {}", child.failed, program.cgroup, reason);
  }
  switch (child.error) {
    case ENOEXEC:
      return fmt::format(
          "cannot execute {}: neither a binary for this machine nor a script that "
          "starts with #!; name its interpreter in argv, or add the #! line",
          program.file);
    case ENOENT:
      return fmt::format("cannot execute {}: its interpreter (the #! line) does not exist",
                         program.file);
    case E2BIG:
      return fmt::format(
          "cannot execute {}: its arguments and environment are too long for the "
          "kernel; hand large values over in a file",
          program.file);
    default:
      return fmt::format("cannot execute {}: {}", program.file, reason);
  }
}

bool executable(const std::string& file) {
  struct stat info {};
  return ::stat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(file.c_str(), X_OK) == 0;
}

}  // namespace

tl::expected<pid_t, SpawnFailure> spawn(const Program& program) {
  const std::vector<char*> argv = pointers(program.argv);
  const std::vector<char*> env = pointers(program.env);
  Child child{&program, argv.data(), env.data(), ::getpid()};
  // Not on this stack: a sanitizer would take the child's frames for this function's.
  alignas(16) thread_local std::array<std::byte, 32768> stack;
  const pid_t pid =
      ::clone(run_child, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
  if (pid < 0) {
    return tl::unexpected(
        SpawnFailure{"cannot start a process: " + std::generic_category().message(errno), true});
  }
  if (child.failed == nullptr) return pid;
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return tl::unexpected(SpawnFailure{explain(child), child.error == ENOMEM});
}

Result<std::string> ProgramFinder::find(const std::string& name, const std::string& path,
                                        const std::string& cwd) {
  if (name.empty()) return fail("the program's name is empty");
  if (name.find('/') != std::string::npos) {
    const std::string file = name.front() == '/' ? name : cwd + "/" + name;
    if (executable(file)) return file;
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) return fail(describe_errno("cannot find", file, errno));
    return fail(
        fmt::format("{} is not an executable file (chmod +x it, or name its interpreter)", file));
  }
  std::string& known = found_[{name, path}];
  if (!known.empty() && ::access(known.c_str(), X_OK) == 0) return known;
  known.clear();
  std::string_view rest = path;
  for (;;) {
    const std::size_t colon = rest.find(':');
    const std::string_view directory = rest.substr(0, colon);
    if (!directory.empty() && directory.front() == '/') {
      std::string file = fmt::format("{}/{}", directory, name);
      if (executable(file)) return known = std::move(file);
    }
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  return fail(fmt::format("program '{}' is not on the PATH ({}); install it, or give its full path",
                          name, path));
}

}  // namespace scanflow::worker
