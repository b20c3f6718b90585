#include "plugins/strategies/exec/program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

extern char** environ;

namespace scanflow::strategies {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kErrKept = 4096;
constexpr milliseconds kLook{10};

[[noreturn]] void cannot(std::string_view what, const std::string& program, int error) {
  throw std::runtime_error(
      fmt::format("cannot {} {}: {}", what, program, std::generic_category().message(error)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Above 2, where the program's own will be, also in a process that has closed those.
int out_of_the_way(const Descriptor& fd) { return ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3); }

/// Ours is read from; the other end becomes the program's.
struct Pipe {
  Descriptor ours, theirs;
  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    ours.reset(ends[0]);
    const Descriptor other(ends[1]);
    theirs.reset(out_of_the_way(other));
    return theirs.get() >= 0 && ::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
  }
};

/// A file in memory: a program that reads none of it keeps nobody waiting, and there is no SIGPIPE.
bool fill_input(const Descriptor& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::lseek(file.get(), 0, SEEK_SET) == 0;
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> with_own_environment(std::vector<std::string> all) {
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view variable = *each;
    const std::string_view name = variable.substr(0, variable.find('=') + 1);
    if (std::none_of(all.begin(), all.end(), [&](auto& other) { return other.starts_with(name); }))
      all.emplace_back(variable);
  }
  return all;
}

/// In the child, where only system calls are safe: `told` is where it says why it could not become the program.
[[noreturn]] void become(char* const* argv, char* const* env, pid_t parent, const int (&fds)[3],
                         int told) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  for (int i = 0; i < 3; ++i) ::dup2(fds[i], i);
  ::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvpe(argv[0], argv, env);
  const int error = errno;
  (void)!::write(told, &error, sizeof error);
  ::_exit(127);
}

/// What there is to read, and at most 1 MiB. False: it has said all that it will.
bool take(int fd, std::string& text) {
  std::array<char, 65536> buffer{};
  for (int i = 0; i < 16; ++i) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    if (count < 0 && errno == EAGAIN) return true;
    if (count == 0 || (count < 0 && errno != EINTR)) return false;
  }
  return true;
}

bool has_ended(pid_t pid) {
  siginfo_t info{};
  const int done = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
  return done != 0 || info.si_pid == pid;
}

class Child {
 public:
  explicit Child(pid_t pid)
      : pid_(pid), process_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  ProgramAnswer attend(const ProgramCall& call, const Pipe& out, const Pipe& err) {
    ProgramAnswer answer;
    const auto until = Clock::now() + call.timeout;
    std::array<pollfd, 3> fds{pollfd{out.ours.get(), POLLIN, 0}, pollfd{err.ours.get(), POLLIN, 0},
                              pollfd{process_.get(), POLLIN, 0}};
    for (bool ended = false; !ended;) {
      ended = has_ended(pid_);  // before what it said last is read
      const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now());
      if (!ended && left.count() <= 0) answer.how = ProgramAnswer::How::late;
      if (!ended && left.count() > 0)
        ::poll(fds.data(), fds.size(), static_cast<int>(std::min(left, kLook).count()));
      if (fds[0].fd >= 0 && !take(fds[0].fd, answer.out)) fds[0].fd = -1;
      if (fds[1].fd >= 0 && !take(fds[1].fd, answer.err)) fds[1].fd = -1;
      if (answer.err.size() > kErrKept) answer.err.erase(0, answer.err.size() - kErrKept);
      if (answer.out.size() > call.most_output) answer.how = ProgramAnswer::How::too_long;
      ended = ended || answer.how != ProgramAnswer::How::ended;
    }
    answer.out.resize(std::min(answer.out.size(), call.most_output));
    answer.status = end();
    return answer;
  }

 private:
  /// Before it is reaped: its number is nobody else's until then.
  int end() {
    if (pid_ < 0) return 0;
    ::kill(-pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  pid_t pid_;
  const Descriptor process_;  // may be none: its end is looked for then
};

}  // namespace

ProgramAnswer call_program(const ProgramCall& call) {
  const std::string& name = call.argv.at(0);
  const Descriptor file(::memfd_create("evidence", MFD_CLOEXEC));
  const Descriptor input(out_of_the_way(file));
  Pipe out, err, told;
  if (input.get() < 0 || !fill_input(input, call.input) || !out.open() || !err.open() ||
      !told.open())
    cannot("make what is needed to run", name, errno);
  const std::vector<std::string> environment = with_own_environment(call.environment);
  const std::vector<char*> argv = pointers_to(call.argv), env = pointers_to(environment);
  const int fds[3] = {input.get(), out.theirs.get(), err.theirs.get()};
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(argv.data(), env.data(), parent, fds, told.theirs.get());
  if (pid < 0) cannot("start", name, errno);
  ::setpgid(pid, pid);  // whoever comes first
  Child child(pid);
  for (Pipe* each : {&out, &err, &told}) each->theirs.reset();
  ProgramAnswer answer = child.attend(call, out, err);
  int error = 0;
  if (::read(told.ours.get(), &error, sizeof error) == sizeof error) cannot("run", name, error);
  return answer;
}

}  // namespace scanflow::strategies
