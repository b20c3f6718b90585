#include "engine/worker/launcher.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <utility>
#include <variant>

#include "engine/worker/note.hpp"
#include "engine/worker/outcome.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/loader/commands.hpp"

namespace scanflow::worker {
namespace {

using nlohmann::json;

constexpr std::array kForwarded = {SIGTERM, SIGINT,  SIGHUP,   SIGQUIT, SIGUSR1,
                                   SIGUSR2, SIGCONT, SIGWINCH, SIGALRM};
/// How long the end of the program waits for the sidecar to have it.
constexpr std::int64_t kToldUs = 2'000'000;
/// Between SIGTERM and SIGKILL of a restart.
constexpr std::int64_t kGraceUs = 10'000'000;
constexpr std::size_t kMostKept = 100'000;  // metrics, some 20 MiB
constexpr int kSignalBase = 128;            // what shells add to a signal
constexpr int kCannotStart = 127;

UniqueFd copy_of(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

UniqueFd watch_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  for (const int signal : kForwarded) ::sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

std::vector<std::string> launched_environment(const LauncherOptions& options) {
  std::vector<std::string> all;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("SCANFLOW_SOCKET=")) all.emplace_back(*entry);
  }
  all.push_back("SCANFLOW_SOCKET=" + options.socket);
  return all;
}

}  // namespace

Launcher::Launcher(LauncherOptions options)
    : options_(std::move(options)),
      in_(copy_of(STDIN_FILENO)),
      out_(copy_of(STDOUT_FILENO)),
      error_(copy_of(STDERR_FILENO)),
      signals_(watch_signals()),
      sidecar_(loop_, {"", options_.sidecar, "", true},
               {[this] { announce(); }, [this](protocol::Body& body) { on_sidecar(body); },
                [this] { return pid_ != 0; }}),
      hooks_([this](const protocol::AttemptId&, std::uint64_t call, std::string outcome,
                    std::string value) { answer(call, std::move(outcome), std::move(value)); }) {
  ProgramLink::Events events;
  events.offers = [this] {
    sidecar_.send(protocol::Offers{options_.id, program_->offers().dump()});
  };
  events.answered = [this](std::uint64_t call, std::string outcome, std::string value) {
    if (const auto asked = calls_.extract(call); !asked.empty())
      answer(asked.mapped(), std::move(outcome), std::move(value));
  };
  events.metric = [this](protocol::Metric metric) {
    metric.id = options_.id;
    metric.time_us = wall_us();
    if (!metric.logged) return sidecar_.send(metric);
    metric.number = kept_.size() + 1;
    if (kept_.size() >= kMostKept) {
      if (std::exchange(full_, true)) return;
      return note(fmt::format("more than {} metrics: the rest of them is lost", kMostKept));
    }
    sidecar_.send(metric);
    kept_.push_back(std::move(metric));
  };
  events.progress = [this](double fraction, std::string message) {
    sidecar_.send(protocol::Progress{options_.id, fraction, std::move(message)});
  };
  events.closed = [](const std::string& why) { note("$SCANFLOW_SOCKET: " + why); };
  program_ = std::make_unique<ProgramLink>(loop_, std::move(events));
  result_.id = options_.id;
}

int Launcher::run() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // whatever the program leaves is reaped here
  loop_.watch(signals_.get(), EPOLLIN, [this](std::uint32_t) { on_signals(); });
  auto socket = ProgramSocket::listen(loop_, options_.socket,
                                      [this](UniqueFd fd) { program_->add(std::move(fd)); });
  if (socket) {
    socket_ = std::move(*socket);
  } else {
    note(socket.error().message);  // then it cannot be steered by its own commands
  }
  if (auto started = start(); !started) {
    note(started.error().message);
    return kCannotStart;
  }
  sidecar_.observe("it is told where it listens");
  loop_.run();
  return exit_;
}

Result<Program> Launcher::program_of(const std::vector<std::string>& argv) {
  if (argv.empty()) return fail("it names no program");
  const char* path = std::getenv("PATH");
  std::array<char, 4096> cwd{};
  const std::string here = ::getcwd(cwd.data(), cwd.size()) == nullptr ? "/" : cwd.data();
  auto file = finder_.find(argv.front(), path == nullptr ? "/usr/bin:/bin" : path, here);
  if (!file) return tl::unexpected(file.error());
  Program program;
  program.file = std::move(*file);
  program.argv = argv;
  program.env = launched_environment(options_);
  program.stdin_fd = in_.get();
  program.stdout_fd = out_.get();
  program.stderr_fd = error_.get();
  program.dies_with_parent = true;
  return program;
}

Result<void> Launcher::start() {
  const auto program = program_of(options_.argv);
  if (!program) return tl::unexpected(program.error());
  const auto pid = spawn(*program);
  if (!pid) return fail(pid.error().message);
  pid_ = *pid;
  started_us_ = wall_us();
  started_mono_us_ = monotonic_us();
  announce();
  return {};
}

void Launcher::announce() {
  // Also what was sent before: a sidecar that was killed may not have come to keep it.
  for (const protocol::Metric& metric : kept_) sidecar_.send(metric);
  if (pid_ == 0) return say_ended();
  sidecar_.send(protocol::Started{
      options_.id, pid_, started_us_, {}, options_.memory_limit, options_.steering});
  if (const json offers = program_->offers(); !offers.empty())
    sidecar_.send(protocol::Offers{options_.id, offers.dump()});
}

void Launcher::on_signals() {
  std::array<signalfd_siginfo, 16> pending;
  const ssize_t size = ::read(signals_.get(), pending.data(), sizeof pending);
  const std::size_t count = size <= 0 ? 0 : static_cast<std::size_t>(size) / sizeof pending[0];
  for (std::size_t i = 0; i < count; ++i) {
    const int signal = static_cast<int>(pending.at(i).ssi_signo);
    if (signal == SIGCHLD || pid_ == 0) continue;
    cancelled_ |= signal == SIGTERM || signal == SIGINT;
    ::kill(-pid_, signal);
    if (signal == SIGTERM) ::kill(-pid_, SIGCONT);  // a stopped process would not see it
  }
  reap();
}

void Launcher::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (!hooks_.reaped(pid, status) && pid == pid_) on_exit(status);
  }
}

void Launcher::on_exit(int wait_status) {
  pid_ = 0;
  if (const auto call = std::exchange(restart_call_, std::nullopt)) {
    if (auto started = start(); !started) {
      answer(*call, "FAILED", json{{"message", started.error().message}}.dump());
      exit_ = kCannotStart;
      return loop_.stop();
    }
    return answer(*call, "DONE", json{{"pid", pid_}}.dump());
  }
  exit_ = WIFSIGNALED(wait_status) ? kSignalBase + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
  Ending ending;
  ending.wait_status = wait_status;
  ending.stop_reason = cancelled_ ? "cancelled" : "";
  ending.asked = asked_to_end_;
  ending.memory_limit = options_.memory_limit;
  ending.ran_us = monotonic_us() - started_mono_us_;
  judge(ending, result_);
  result_.started_us = started_us_;
  result_.ended_us = wall_us();
  hooks_.end(options_.id);
  say_ended();
  // Acknowledged, or not in time: the container must end.
  loop_.after(sidecar_.connection() == 0 ? 0 : kToldUs, [this] { loop_.stop(); });
}

void Launcher::say_ended() {
  program_->drain();
  sidecar_.send(protocol::Ended{result_});
}

void Launcher::on_sidecar(protocol::Body& body) {
  if (const auto* asked = std::get_if<protocol::StepCommand>(&body)) {
    command(*asked);
  } else if (std::holds_alternative<protocol::Acknowledge>(body) && pid_ == 0) {
    loop_.stop();
  }
}

void Launcher::command(const protocol::StepCommand& command) {
  json arguments = json::parse(command.arguments, nullptr, false);
  if (!arguments.is_object()) arguments = json::object();
  if (command.name == "$restart") return restart(command.call);
  if (command.name == "$run") return run_hook(command.call, arguments);
  if (command.name == "$ends") {  // nothing to do but to know it
    asked_to_end_ = arguments.value("by", "");
    return;
  }
  const std::uint64_t call = ++last_call_;
  calls_[call] = command.call;
  if (auto refusal = program_->ask(call, command.name, command.arguments)) {
    calls_.erase(call);
    answer(command.call, std::move(refusal->outcome), std::move(refusal->value));
  }
}

/// SIGTERM, and SIGKILL where it does not end by that.
void Launcher::restart(std::uint64_t call) {
  if (pid_ == 0) return answer(call, "FAILED", json{{"message", "it has ended"}}.dump());
  restart_call_ = call;
  ::kill(-pid_, SIGTERM);
  ::kill(-pid_, SIGCONT);
  loop_.after(kGraceUs, [this, pid = pid_] {
    if (pid == pid_) ::kill(-pid, SIGKILL);
  });
}

void Launcher::run_hook(std::uint64_t call, const json& arguments) {
  const auto program = program_of(arguments.value("argv", std::vector<std::string>()));
  if (!program) return answer(call, "FAILED", json{{"message", program.error().message}}.dump());
  hooks_.start(options_.id, call, *program);
}

void Launcher::answer(std::uint64_t call, std::string outcome, std::string value) {
  sidecar_.send(protocol::StepAnswer{options_.id, call, std::move(outcome), std::move(value)});
}

}  // namespace scanflow::worker
