#include "sdk/loader/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "sdk/base/files.hpp"

namespace scanflow::loader {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxOutput = std::size_t{16} << 20;  // bytes; no description is that long

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void reset(int fd) {
    close();
    fd_ = fd;
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

struct Pipe {
  Descriptor read, write;
  bool open() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) return false;
    read.reset(fds[0]);
    write.reset(fds[1]);
    return true;
  }
};

struct Ended {
  int wait_status = 0;
  bool late = false;
  std::string out, err;
};

/// A process group of its own, so that whatever it started ends with it.
int spawn(const std::filesystem::path& program, const std::filesystem::path& library,
          const Pipe& out, const Pipe& err, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write.get(), STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  std::string arguments[] = {program.string(), "describe", library.string()};
  char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
  const int error = posix_spawn(&pid, argv[0], &actions, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

/// Appends what there is; false at the end of the file.
bool drain(int fd, std::string& into) {
  std::array<char, 16384> buffer;
  const auto count = ::read(fd, buffer.data(), buffer.size());
  if (count < 0) return errno == EINTR || errno == EAGAIN;
  if (into.size() < kMaxOutput) into.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0;
}

/// Reads both pipes until the child has closed them, or the deadline.
void collect(Pipe& out, Pipe& err, Clock::time_point deadline, Ended& ended) {
  std::array<pollfd, 2> waiting = {{{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}}};
  std::array<std::string*, 2> texts = {&ended.out, &ended.err};
  while (waiting[0].fd >= 0 || waiting[1].fd >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) {
      ended.late = true;
      return;
    }
    if (poll(waiting.data(), waiting.size(), static_cast<int>(left)) < 0 && errno != EINTR) return;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].fd >= 0 && waiting[i].revents != 0 && !drain(waiting[i].fd, *texts[i])) {
        waiting[i].fd = -1;
      }
    }
  }
}

/// Waits for the child, not beyond the deadline; then kills it with whatever it started.
void reap(pid_t pid, Clock::time_point deadline, Ended& ended) {
  const Descriptor handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0U)));
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  pollfd waiting = {handle.get(), POLLIN, 0};
  if (ended.late || left <= 0 || poll(&waiting, 1, static_cast<int>(left)) == 0) {
    ended.late = true;
    kill(-pid, SIGKILL);
  }
  while (waitpid(pid, &ended.wait_status, 0) < 0 && errno == EINTR) {
  }
}

std::string last_line(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  const auto start = text.rfind('\n');
  return std::string(start == std::string_view::npos ? text : text.substr(start + 1));
}

/// What became of the child, where it gave no description.
std::string explain(const Ended& ended, const std::filesystem::path& library,
                    std::chrono::milliseconds deadline) {
  const auto where = library.string();
  if (ended.late) {
    return fmt::format(
        "{}: it hangs while it is loaded (killed after {} ms); its constructors and "
        "init must return at once",
        where, deadline.count());
  }
  const auto last = last_line(ended.err);
  if (WIFSIGNALED(ended.wait_status)) {
    const int number = WTERMSIG(ended.wait_status);
    return fmt::format("{}: it crashes while it is loaded (signal {}, {}){}{}", where, number,
                       strsignal(number), last.empty() ? "" : "; its last words: ", last);
  }
  // describe_main has said why in full.
  return !ended.err.empty() && ended.err.starts_with(where)
             ? ended.err.substr(0, ended.err.find_last_not_of('\n') + 1)
             : fmt::format("{}: describing it ended with status {}{}{}", where,
                           WEXITSTATUS(ended.wait_status), last.empty() ? "" : ": ", last);
}

}  // namespace

Result<LibraryInfo> describe_in_child(const std::filesystem::path& program,
                                      const std::filesystem::path& library,
                                      std::chrono::milliseconds deadline) {
  Pipe out, err;
  if (!out.open() || !err.open()) {
    return fail(describe_errno("cannot make a pipe to describe", library, errno));
  }
  pid_t pid = -1;
  if (const int error = spawn(program, library, out, err, pid); error != 0) {
    return fail(fmt::format("{}: it has no index, and {}", library.string(),
                            describe_errno("cannot start", program, error)));
  }
  out.write.close();
  err.write.close();
  Ended ended;
  const auto end = Clock::now() + deadline;
  collect(out, err, end, ended);
  reap(pid, end, ended);
  if (ended.late || !WIFEXITED(ended.wait_status) || WEXITSTATUS(ended.wait_status) != 0) {
    return fail(explain(ended, library, deadline));
  }
  auto described = library_from_json(json::parse(ended.out, nullptr, false));
  if (!described) {
    return fail(fmt::format("{}: {} printed {}", library.string(), program.string(),
                            described.error().message));
  }
  return described;
}

}  // namespace scanflow::loader
