#include "engine/worker/step_host.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <deque>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include "engine/worker/fd_passing.hpp"
#include "engine/worker/note.hpp"
#include "engine/worker/step_child.hpp"
#include "engine/worker/unique_fd.hpp"
#include "sdk/loader/library.hpp"
#include "sidecar/protocol/stream.hpp"

namespace scanflow::worker {
namespace {

constexpr int kSupervisor = 3;

std::int64_t cpu_of(const rusage& usage) {
  const auto us = [](const timeval& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_usec;
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

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
      const bool open = receive_with_fds(kSupervisor, bytes_, sockets_);
      if (!take_messages()) return 1;
      // Attempts that run go on: they are the supervisor's, and end with it.
      if (!open) return 0;
    }
  }

 private:
  bool take_messages() {
    frames_.append(std::exchange(bytes_, {}));
    for (;;) {
      const auto frame = frames_.next();
      if (!frame) return broken(frame.error().message);
      if (!*frame) return true;
      auto message = protocol::decode(**frame);
      if (!message) return broken(message.error().message);
      if (!*message) continue;
      if (auto* spawn = std::get_if<protocol::Spawn>(&(*message)->body)) fork_attempt(*spawn);
    }
  }

  static bool broken(const std::string& why) {
    note("step host: " + why);
    return false;
  }

  void fork_attempt(const protocol::Spawn& spawn) {
    if (sockets_.empty()) return note("step host: an attempt without its socket");
    UniqueFd socket = std::move(sockets_.front());
    sockets_.pop_front();
    const pid_t pid = ::fork();
    if (pid == 0) {
      signals_.reset();
      sockets_.clear();
      ::close(kSupervisor);
      run_step_child(*library_, spawn, std::move(socket));  // does not return
    }
    if (pid < 0) note("cannot fork: " + std::generic_category().message(errno));
    say(protocol::Forked{spawn.request.id, pid});
  }

  void reap() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    }
    int status = 0;
    rusage usage{};
    pid_t pid = 0;
    while ((pid = ::wait4(-1, &status, WNOHANG, &usage)) > 0) {
      constexpr std::uint64_t kKiB = 1024;  // unit of ru_maxrss
      say(protocol::Exited{pid, status, cpu_of(usage),
                           static_cast<std::uint64_t>(usage.ru_maxrss) * kKiB});
    }
  }

  void say(protocol::Body body) {
    // A supervisor that is gone is met as the end of its stream.
    protocol::send(kSupervisor, stream_, std::move(body)).or_else([](const Error&) {});
  }

  std::shared_ptr<const loader::Library> library_;
  UniqueFd signals_;
  protocol::Stream stream_;  // for writing
  protocol::FrameReader frames_;
  std::string bytes_;
  std::deque<UniqueFd> sockets_;  // of attempts whose Spawn has not been read to its end
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
