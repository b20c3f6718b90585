#include "engine/worker/step_host.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <system_error>
#include <variant>

#include "engine/worker/fd_passing.hpp"
#include "engine/worker/note.hpp"
#include "engine/worker/processes.hpp"
#include "engine/worker/step_child.hpp"
#include "sdk/base/unique_fd.hpp"
#include "sdk/loader/library.hpp"
#include "sidecar/protocol/stream.hpp"

namespace scanflow::worker {
namespace {

constexpr int kSupervisor = 3;

class StepHost {
 public:
  explicit StepHost(std::shared_ptr<const loader::Library> library) : library_(std::move(library)) {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  int run() {
    say(protocol::Hello{"host", ::getpid(), {}, {}});
    for (;;) {
      std::array<pollfd, 2> wait{{{kSupervisor, POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
      if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return 1;
      if (wait[1].revents != 0) reap();
      if (wait[0].revents == 0) continue;
      const bool open = stream_.fill(kSupervisor) == protocol::Flow::open;
      if (!take_messages()) return 1;
      // Attempts that run go on: they are the supervisor's, and end with it.
      if (!open) return 0;
    }
  }

 private:
  bool take_messages() {
    for (;;) {
      const auto message = stream_.next();
      if (!message) return broken(message.error().message);
      if (!*message) return true;
      if (!std::holds_alternative<protocol::Fork>((*message)->body)) {
        return broken("the supervisor said what it does not understand; is it of another version?");
      }
      if (auto forked = fork_one(); !forked) return broken(forked.error().message);
    }
  }

  static bool broken(const std::string& why) {
    note("step host: " + why);
    return false;
  }

  Result<void> fork_one() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      return fail("cannot make a socket: " + std::generic_category().message(errno));
    }
    UniqueFd theirs(ends[0]), supervisors(ends[1]);
    const pid_t pid = ::fork();
    if (pid == 0) {
      // Nobody else may hold the supervisor's end: that it closes is how the child learns its end.
      supervisors.reset();
      signals_.reset();
      ::close(kSupervisor);
      run_step_child(*library_, open_mp_, std::move(theirs));  // does not return
    }
    if (pid < 0) note("cannot fork: " + std::generic_category().message(errno));
    std::string frame;
    protocol::append_frame({{}, protocol::Forked{pid}}, frame);
    send_with_fd(kSupervisor, frame, supervisors.get());
    return {};
  }

  void reap() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    }
    for (;;) {
      siginfo_t ended{};
      if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return;
      // Before the leader is reaped its number cannot be another group's.
      ::kill(-ended.si_pid, SIGKILL);
      int status = 0;
      rusage usage{};
      if (::wait4(ended.si_pid, &status, 0, &usage) != ended.si_pid) continue;
      constexpr std::uint64_t kKiB = 1024;  // unit of ru_maxrss
      say(protocol::Exited{ended.si_pid, status, cpu_us_of(usage),
                           static_cast<std::uint64_t>(usage.ru_maxrss) * kKiB});
    }
  }

  void say(protocol::Body body) {
    // A supervisor that is gone is met as the end of its stream.
    protocol::send(kSupervisor, stream_, std::move(body)).or_else([](const Error&) {});
  }

  std::shared_ptr<const loader::Library> library_;
  const OpenMp open_mp_ = OpenMp::find();  // after the library was loaded
  UniqueFd signals_;
  protocol::Stream stream_;
};

}  // namespace

int run_step_host(const std::string& library) {
  ::fcntl(kSupervisor, F_SETFD, FD_CLOEXEC);
  auto loaded = loader::Library::load(library);
  if (!loaded) {
    protocol::Stream stream;
    protocol::send(kSupervisor, stream, protocol::Reject{loaded.error().message})
        .or_else([](const Error&) {});
    return 0;
  }
  return StepHost(std::move(*loaded)).run();
}

}  // namespace scanflow::worker
