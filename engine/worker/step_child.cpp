#include "engine/worker/step_child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "engine/worker/fd_passing.hpp"
#include "engine/worker/plugin_attempt.hpp"
#include "engine/worker/processes.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/files.hpp"
#include "sidecar/protocol/stream.hpp"

namespace scanflow::worker {
namespace {

[[noreturn]] void kill_session() {
  ::kill(-::getpid(), SIGKILL);
  ::raise(SIGKILL);
  ::_exit(127);
}

Result<void> enter_own_cgroup(const std::string& procs) {
  if (procs.empty()) return {};
  const UniqueFd fd(::open(procs.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd && ::write(fd.get(), "0", 1) == 1) return {};
  return fail(describe_errno("cannot enter the cgroup", procs, errno));
}

Result<void> set_up(const protocol::Spawn& spawn, const OpenMp& open_mp) {
  if (auto entered = enter_own_cgroup(spawn.cgroup); !entered) return entered;
  const protocol::Request& request = spawn.request;
  // Where a command would start too, so that a relative path means the same to both.
  const std::string& directory = request.cwd.empty() ? spawn.directory : request.cwd;
  if (::chdir(directory.c_str()) != 0)
    return fail(describe_errno("cannot enter", directory, errno));
  const std::uint32_t threads = std::max(request.threads, 1u);
  ::setenv("OMP_NUM_THREADS", std::to_string(threads).c_str(), 1);
  ::setenv("SCANFLOW_RUN", request.id.run.c_str(), 1);
  ::setenv("SCANFLOW_STEP", request.id.step.c_str(), 1);
  ::setenv("SCANFLOW_ATTEMPT", std::to_string(request.id.attempt).c_str(), 1);
  ::setenv("SCANFLOW_SLOT", spawn.directory.c_str(), 1);
  for (const auto* added : {&request.env, &request.secrets}) {
    for (const auto& [name, value] : *added) ::setenv(name.c_str(), value.c_str(), 1);
  }
  open_mp.set_threads(threads);
  return {};
}

std::int64_t cpu_us() {
  std::int64_t total = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    ::getrusage(who, &usage);
    total += cpu_us_of(usage);
  }
  return total;
}

std::uint64_t max_rss() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  constexpr std::uint64_t kKiB = 1024;  // unit of ru_maxrss
  return static_cast<std::uint64_t>(usage.ru_maxrss) * kKiB;
}

/// The socket to the supervisor, which hands everything on to the engine.
class Channel final : public PluginSink {
 public:
  explicit Channel(UniqueFd socket) : socket_(std::move(socket)) {}

  /// What it is to run, once the supervisor says it, and the descriptor for its output; nothing
  /// where this process is not needed any more.
  std::optional<protocol::Spawn> wait_for_spawn(UniqueFd& output) {
    std::string bytes;
    std::deque<UniqueFd> fds;
    for (bool open = true; open;) {
      pollfd wait{socket_.get(), POLLIN, 0};
      if (::poll(&wait, 1, -1) < 0 && errno != EINTR) break;
      open = receive_with_fds(socket_.get(), bytes, fds);
      in_.feed(std::exchange(bytes, {}));
      for (auto message = in_.next(); message && *message; message = in_.next()) {
        auto* spawn = std::get_if<protocol::Spawn>(&(*message)->body);
        if (spawn == nullptr || fds.empty()) continue;  // Hello
        output = std::move(fds.front());
        return std::move(*spawn);
      }
    }
    return std::nullopt;
  }
  void log(const std::string& line) override {
    // One write, so that lines of several threads do not mix. A full disk loses the line.
    [[maybe_unused]] const ssize_t written = ::write(2, line.data(), line.size());
  }
  void say(Said said) override {
    std::visit([this](auto& body) { send(std::move(body)); }, said);
  }
  void send(protocol::Body body) {
    const std::lock_guard lock(mutex_);
    // A supervisor that is gone is met by the listening thread, which ends the process.
    protocol::send(socket_.get(), out_, std::move(body)).or_else([](const Error&) {});
  }
  /// The supervisor's next message; only the listening thread.
  Result<std::optional<protocol::Message>> receive() {
    return protocol::receive(socket_.get(), in_);
  }

 private:
  const UniqueFd socket_;
  protocol::Stream in_;  // the listening thread's
  std::mutex mutex_;     // guards out_, and writing to the socket
  protocol::Stream out_;
};

/// Cancels, commands and answers, until the supervisor is gone.
void listen(Channel& channel, PluginAttempt& attempt) {
  for (;;) {
    auto message = channel.receive();
    if (!message || !*message) kill_session();
    if (std::holds_alternative<protocol::Cancel>((*message)->body)) {
      if (!attempt.cancel()) kill_session();  // it cannot be asked
    } else if (auto* reply = std::get_if<protocol::HostReply>(&(*message)->body)) {
      attempt.answer(std::move(*reply));
    } else if (auto* command = std::get_if<protocol::StepCommand>(&(*message)->body)) {
      attempt.command(std::move(*command));
    }
  }
}

}  // namespace

void run_step_child(const loader::Library& library, const OpenMp& open_mp, UniqueFd socket) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();  // from the first moment, so that whoever kills its group reaches it
  // None of these is ever destroyed: the process ends without looking back.
  auto* channel = new Channel(std::move(socket));
  UniqueFd output;
  auto* waited = new std::optional<protocol::Spawn>(channel->wait_for_spawn(output));
  if (!*waited) ::_exit(0);
  const protocol::Spawn& spawn = **waited;
  ::dup2(output.get(), 1);
  ::dup2(output.get(), 2);
  output.reset();
  auto ready = set_up(spawn, open_mp);
  channel->send(protocol::Started{spawn.request.id, ::getpid(), wall_us(), {}});
  protocol::Result result;
  result.id = spawn.request.id;
  if (!ready) {
    result.status = "failed";
    result.cause = "retryable";
    result.message = ready.error().message;
  } else {
    auto* attempt = new PluginAttempt(spawn.request, spawn.directory + "/artifacts", *channel);
    std::thread([channel, attempt] { listen(*channel, *attempt); }).detach();
    attempt->run(library, spawn.directory + "/scratch", result);
  }
  // The end of the log is measured when the result arrives.
  std::cout.flush();
  std::fflush(nullptr);
  result.cpu_us = cpu_us();
  result.max_rss = max_rss();
  channel->send(protocol::Ended{std::move(result)});
  ::_exit(0);
}

}  // namespace scanflow::worker
