#include "engine/worker/supervisor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

#include "engine/worker/note.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::worker {
namespace {

// Without an engine: how long it stays with results that nobody took, and with nothing.
constexpr std::int64_t kAbandonedUs = 7 * 86'400'000'000;
constexpr std::int64_t kIdleUs = 10'000'000;
/// One that was told to end a moment ago may be about to.
constexpr int kLockMs = 1000;

std::vector<std::string> environment() {
  std::vector<std::string> result;
  for (char** entry = ::environ; *entry != nullptr; ++entry) result.emplace_back(*entry);
  return result;
}

/// What programs start with: Python ones may `import scanflow`. After whatever the user has there.
std::vector<std::string> program_environment(const std::string& worker) {
  const auto directory =
      std::filesystem::path(worker).parent_path().parent_path() / "share/scanflow/python";
  std::vector<std::string> result = environment();
  std::error_code ignored;  // not installed: nobody imports it
  if (!std::filesystem::exists(directory / "scanflow.py", ignored)) return result;
  const auto is_path = [](const std::string& entry) { return entry.starts_with("PYTHONPATH="); };
  const auto found = std::find_if(result.begin(), result.end(), is_path);
  if (found == result.end()) {
    result.push_back("PYTHONPATH=" + directory.string());
  } else {
    *found += ":" + directory.string();
  }
  return result;
}

UniqueFd make_signal_fd() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM}) ::sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

SidecarOptions sidecar_options(const SupervisorOptions& options) {
  if (options.in_pod()) return {"", options.pod_sidecar, ""};
  std::string program = options.sidecar;
  if (program.empty())
    program = std::filesystem::path(options.program).parent_path() / "scanflow-sidecar";
  if (program == "none") program.clear();
  return {program, options.socket + ".sidecar", options.work_directory + "/sidecar"};
}

MemoryGuard::How memory_guard(const SupervisorOptions& options) {
  if (options.in_pod()) return MemoryGuard::How::pod;
  return options.memory == "watch" ? MemoryGuard::How::watch : MemoryGuard::How::cgroup;
}

}  // namespace

Supervisor::Supervisor(SupervisorOptions options)
    : options_(std::move(options)),
      null_(::open("/dev/null", O_RDWR | O_CLOEXEC)),
      signals_(make_signal_fd()),
      engine_(
          loop_, [this](protocol::Body& body) { receive(body); }, [this] { leave_if_done(); },
          [this] { return greet(); }),
      hosts_(loop_,
             {[this](const Id& id, pid_t pid, UniqueFd socket) {
                if (Attempt* attempt = find(id)) hand_over(*attempt, pid, std::move(socket));
              },
              [this](const protocol::Exited& exited) {
                on_exit(exited.pid, exited.wait_status, exited.cpu_us, exited.max_rss);
              },
              [this](const Id& id, const std::string& cause, const std::string& message) {
                if (Attempt* attempt = find(id)) refuse(*attempt, cause, message);
              }},
             options_.program, environment(), null_.get(), 2),
      memory_(
          loop_, memory_guard(options_),
          [this] {
            std::vector<Attempt*> watched;
            for (const auto& [pid, attempt] : by_pid_) {
              if (attempt->watched) watched.push_back(attempt);
            }
            return watched;
          },
          [this](Attempt& attempt) { kill_all(attempt); }),
      sweeper_(
          loop_, [this](pid_t pid) { return by_pid_.count(pid) != 0; },
          [this](pid_t pid) { return hosts_.has(pid) || sidecar_.has(pid) || hooks_.has(pid); }),
      sidecar_(loop_, sidecar_options(options_),
               {[this] { announce_all(); }, [this](protocol::Body& body) { on_sidecar(body); },
                [this] { return active_ > 0; }}),
      hooks_([this](const Id& id, std::uint64_t call, std::string outcome, std::string value) {
        answer(id, call, std::move(outcome), std::move(value));
      }),
      env_(program_environment(options_.program)) {
  loop_.watch(signals_.get(), EPOLLIN, [this](std::uint32_t) { on_signal(); });
  loop_.before_wait([this] { engine_.flush(); });
}

Supervisor::~Supervisor() = default;

Result<void> Supervisor::open() {
  std::error_code error;
  std::filesystem::create_directories(options_.work_directory + "/attempts", error);
  if (error) return fail("cannot create " + options_.work_directory + ": " + error.message());
  const std::string path = options_.work_directory + "/lock";
  lock_ = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_) return fail(describe_errno("cannot open", path, errno));
  if (!lock_patiently(lock_.get(), kLockMs)) {
    return fail("another supervisor holds " + path + "; it must end first");
  }
  // What a supervisor that died has left: its attempts are lost, and reported as such.
  kill_leftovers(options_.work_directory + "/slots");
  for (const char* name : {"/slots", "/attempts"}) {
    std::filesystem::remove_all(options_.work_directory + name, error);
    std::filesystem::create_directories(options_.work_directory + name, error);
    if (error) return fail("cannot create " + options_.work_directory + name);
  }
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
    return fail("cannot become a subreaper: " + std::generic_category().message(errno));
  }
  if (auto listening = engine_.listen(options_.socket); !listening) return listening;
  arm_departure();
  return {};
}

void Supervisor::run() {
  loop_.run();
  sweeper_.finish();
}

void Supervisor::receive(protocol::Body& body) {
  if (auto* launch_body = std::get_if<protocol::Launch>(&body)) {
    launch(std::move(launch_body->request));
  } else if (const auto* cancel_body = std::get_if<protocol::Cancel>(&body)) {
    cancel(cancel_body->id, cancel_body->reason);
  } else if (const auto* acknowledged = std::get_if<protocol::Acknowledge>(&body)) {
    acknowledge(acknowledged->id);
  } else if (auto* host_reply = std::get_if<protocol::HostReply>(&body)) {
    reply(std::move(*host_reply));
  } else if (const auto* observe = std::get_if<protocol::Observe>(&body)) {
    sidecar_.observe(observe->hub);
  } else if (std::holds_alternative<protocol::Shutdown>(body)) {
    shutdown_ = true;
    leave_if_done();
  }
}

/// An engine that comes is told which results nobody has acknowledged: the one before it may have
/// died in between.
std::optional<protocol::Hello> Supervisor::greet() {
  if (!has_its_directory()) return std::nullopt;
  shutdown_ = false;  // the engine before it asked for that
  protocol::Hello answer;
  answer.role = "supervisor";
  answer.pid = ::getpid();
  for (const auto& [id, attempt] : attempts_) {
    (attempt->reported ? answer.kept : answer.running).push_back(id);
  }
  return answer;
}

void Supervisor::launch(protocol::Request request) {
  if (Attempt* known = find(request.id)) return adopt(*known);
  auto attempt = std::make_unique<Attempt>();
  attempt->request = std::move(request);
  attempt->connection = engine_.connection();
  Attempt& added = *attempt;
  attempts_.emplace(added.request.id, std::move(attempt));
  ++active_;
  start(added);
}

/// All that an engine that was not there must know, in the order in which it happened.
void Supervisor::adopt(Attempt& attempt) {
  attempt.connection = engine_.connection();
  if (attempt.pid != 0) {
    engine_.send(
        protocol::Started{attempt.request.id, attempt.pid, attempt.started_us, attempt.log},
        EngineLink::Urgency::soon);
  }
  // Also those that were sent before: an engine that ended may not have come to store them.
  for (const protocol::Metric& metric : attempt.kept) engine_.send(metric);
  if (attempt.dropped > 0) {
    note(fmt::format("{} metrics of {} in {} were dropped while no engine was connected",
                     std::exchange(attempt.dropped, 0), attempt.request.id.step,
                     attempt.request.id.run));
  }
  for (const auto& [number, call] : attempt.calls) engine_.send(call);
  const bool over = attempt.phase == Attempt::Phase::ended || attempt.reported;
  if (over && !attempt.awaits_post_mortem) engine_.send(protocol::Ended{attempt.result});
}

void Supervisor::cancel(const Id& id, const std::string& reason) {
  Attempt* attempt = find(id);
  if (attempt == nullptr || !attempt->stop_reason.empty() ||
      attempt->phase > Attempt::Phase::running) {
    return;
  }
  attempt->stop_reason = reason.empty() ? "cancelled" : reason;
  if (attempt->pid == 0 && hosts_.withdraw(id)) {
    attempt->result.status = "cancelled";
    return refuse(*attempt, attempt->stop_reason, "stopped before it started");
  }
  if (attempt->plugin) {
    tell(*attempt, protocol::Cancel{id, attempt->stop_reason});
  } else {
    ::kill(-attempt->pid, SIGTERM);
  }
  ::kill(-attempt->pid, SIGCONT);  // a stopped process would not see it
  attempt->kill_timer = loop_.after(attempt->request.grace_us, [this, attempt] {
    attempt->killed_by_us = true;
    kill_all(*attempt);
  });
}

void Supervisor::acknowledge(const Id& id) {
  const auto found = attempts_.find(id);
  if (found == attempts_.end() || found->second->phase != Attempt::Phase::ended) {
    // It has said its result and is still leaving: forget it when it has.
    if (found != attempts_.end() && found->second->reported) found->second->acknowledged = true;
    return;
  }
  if (!found->second->result.artifacts.empty()) {
    std::error_code ignored;  // swept when a supervisor starts
    std::filesystem::remove_all(artifact_directory(id), ignored);
  }
  forget_metrics(*found->second);
  attempts_.erase(found);
  leave_if_done();
}

void Supervisor::reply(protocol::HostReply reply) {
  Attempt* attempt = find(reply.id);
  if (attempt == nullptr || attempt->calls.erase(reply.call) == 0) return;
  tell(*attempt, std::move(reply));
}

void Supervisor::tell(Attempt& attempt, protocol::Body body) {
  const int fd = attempt.socket.get();
  attempt.stream.queue(std::move(body));
  attempt.stream.flush(fd);  // a closed socket is met when it is read
  if (attempt.stream.pending()) loop_.change(fd, EPOLLIN | EPOLLOUT);
}

/// Somebody may have removed the state directory under it: then nothing of it can be had any more,
/// and the engine that comes starts a new supervisor.
bool Supervisor::has_its_directory() {
  struct stat ours {
  }, there{};
  const std::string path = options_.work_directory + "/lock";
  if (::fstat(lock_.get(), &ours) == 0 && ::stat(path.c_str(), &there) == 0 &&
      ours.st_ino == there.st_ino) {
    return true;
  }
  for (const auto& [pid, attempt] : by_pid_) {
    ::kill(-pid, SIGKILL);
    sweeper_.add(attempt->request.id, pid);
  }
  loop_.stop();
  return false;
}

void Supervisor::leave_if_done() {
  arm_departure();
  if (active_ == 0 && !engine_.connected()) hosts_.drop_spares();
  if ((shutdown_ && attempts_.empty()) || (terminated_ && active_ == 0)) loop_.stop();
}

void Supervisor::arm_departure() {
  loop_.cancel(departure_);
  if (active_ > 0 || engine_.connected() || options_.in_pod()) return;
  departure_ = loop_.after(attempts_.empty() ? kIdleUs : kAbandonedUs, [this] {
    if (active_ == 0 && !engine_.connected()) loop_.stop();
  });
}

Attempt* Supervisor::find(const Id& id) {
  const auto found = attempts_.find(id);
  return found == attempts_.end() ? nullptr : found->second.get();
}

Attempt* Supervisor::find(pid_t pid) {
  const auto found = by_pid_.find(pid);
  return found == by_pid_.end() ? nullptr : found->second;
}

std::string Supervisor::hash(const Id& id) {
  std::uint64_t value = 14695981039346656037u;  // FNV-1a
  const auto add = [&](std::string_view text) {
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211u;
    value *= 1099511628211u;
  };
  add(id.run);
  add(id.step);
  return fmt::format("{:016x}-{}", value, id.attempt);
}

std::string Supervisor::artifact_directory(const Id& id) const {
  // The run's id as it is, for people who look; the step's may hold any character.
  return fmt::format("{}/attempts/{}", options_.work_directory, hash(id));
}

}  // namespace scanflow::worker
