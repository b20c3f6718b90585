// How attempts end.
#include <fmt/format.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "engine/worker/command_files.hpp"
#include "engine/worker/processes.hpp"
#include "engine/worker/supervisor.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::worker {
namespace {

constexpr std::int64_t kEmptyPollUs = 5'000;
constexpr std::int64_t kEmptyDeadlineUs = 5'000'000;  // for processes that the kernel holds
constexpr std::int64_t kLeaveUs = 5'000'000;          // for a plugin's process after its result

/// What a failed attempt wrote last: the beginning of its post-mortem.
std::string last_lines_json(const protocol::Result& result, std::string_view words) {
  if (result.status != "failed") return {};
  constexpr std::size_t kLines = 20;
  std::vector<std::string> lines;
  while (!words.empty() && lines.size() < kLines) {
    while (words.ends_with('\n')) words.remove_suffix(1);
    const std::size_t begin = words.rfind('\n') + 1;  // npos + 1: the first line
    if (begin < words.size()) lines.emplace_back(words.substr(begin));
    words = words.substr(0, begin);
  }
  std::reverse(lines.begin(), lines.end());
  const nlohmann::json document = {{"last_lines", std::move(lines)}};
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void Supervisor::on_signal() {
  std::array<signalfd_siginfo, 4> pending;  // one of a kind is pending at most
  const ssize_t size = ::read(signals_.get(), pending.data(), sizeof pending);
  const auto end = pending.begin() + std::max<ssize_t>(size, 0) / sizeof pending[0];
  const bool terminate = std::any_of(
      pending.begin(), end, [](const signalfd_siginfo& info) { return info.ssi_signo == SIGTERM; });
  reap();
  if (!terminate) return;
  // Asked to end by a person or the system: the attempts get the same signal, and their grace.
  terminated_ = true;
  std::vector<Id> running;
  for (const auto& [pid, attempt] : by_pid_) running.push_back(attempt->request.id);
  for (const Id& id : running) cancel(id, "cancelled");
  leave_if_done();
}

void Supervisor::reap() {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) break;
    const pid_t pid = info.si_pid;
    // Before the leader is reaped its number cannot be another group's.
    const Attempt* attempt = find(pid);
    if (attempt != nullptr && !is_in_grace(*attempt)) ::kill(-pid, SIGKILL);
    int status = 0;
    rusage usage{};
    if (::wait4(pid, &status, 0, &usage) != pid) continue;
    if (hosts_.reaped(pid, status) || sidecar_.reaped(pid, status) || hooks_.reaped(pid, status))
      continue;
    constexpr std::int64_t kKiB = 1024;  // unit of ru_maxrss
    on_exit(pid, status, cpu_us_of(usage), static_cast<std::uint64_t>(usage.ru_maxrss * kKiB));
  }
  std::vector<Attempt*> emptying;
  for (const auto& [pid, attempt] : by_pid_) {
    if (attempt->phase == Attempt::Phase::emptying) emptying.push_back(attempt);
  }
  for (Attempt* attempt : emptying) settle(*attempt);
}

void Supervisor::on_exit(pid_t pid, int wait_status, std::int64_t cpu_us, std::uint64_t max_rss) {
  Attempt* attempt = find(pid);
  if (attempt == nullptr || attempt->phase == Attempt::Phase::emptying) return;
  if (attempt->plugin) on_attempt_socket(attempt->request.id);  // what it said last
  attempt->wait_status = wait_status;
  attempt->cpu_us = cpu_us;
  attempt->max_rss = max_rss;
  attempt->phase = Attempt::Phase::emptying;
  attempt->empty_deadline_us = monotonic_us() + kEmptyDeadlineUs;
  if (is_in_grace(*attempt)) {
    attempt->empty_deadline_us += attempt->request.grace_us;
  } else {
    loop_.cancel(attempt->kill_timer);
  }
  settle(*attempt);
}

/// A program that was asked to end: its children, which were asked too, have as long as it has. The
/// shell of a script ends at once, what it waited for may have something to save.
bool Supervisor::is_in_grace(const Attempt& attempt) {
  return !attempt.plugin && !attempt.stop_reason.empty() && !attempt.killed_by_us;
}

void Supervisor::kill_all(Attempt& attempt) {
  if (attempt.pid <= 1) return;
  ::kill(-attempt.pid, SIGKILL);
  sweeper_.kill(attempt.request.id, attempt.pid);
}

void Supervisor::settle(Attempt& attempt) {
  const bool empty = ::kill(-attempt.pid, 0) != 0 && errno == ESRCH;
  if (empty || monotonic_us() > attempt.empty_deadline_us) {
    loop_.cancel(attempt.empty_timer);
    return finish(attempt);
  }
  loop_.cancel(attempt.empty_timer);
  attempt.empty_timer = loop_.after(kEmptyPollUs, [this, &attempt] { settle(attempt); });
}

void Supervisor::finish(Attempt& attempt) {
  loop_.cancel(attempt.kill_timer);
  loop_.cancel(attempt.empty_timer);
  if (attempt.socket) {
    loop_.forget(attempt.socket.get());
    attempt.socket.reset();
  }
  bool alone = true;  // nobody of it can be left
  if (attempt.pid != 0) {
    alone = !attempt.plugin && sweeper_.foreign_forks() == attempt.forks_seen;
    if (!alone) sweeper_.add(attempt.request.id, attempt.pid);
    by_pid_.erase(attempt.pid);
  }
  memory_.end(attempt);
  hooks_.end(attempt.request.id);
  if (!attempt.reported) {
    end_output(attempt);
    if (attempt.pid != 0) finish_command(attempt);
    fail_commands(attempt, "the attempt ended before it answered");
    close(attempt);
    report(attempt);
    engine_.flush();  // the engine decides what follows while the slot is cleaned
  }
  if (attempt.slot && attempt.slot->clean()) {
    const auto lower = [](const auto& a, const auto& b) { return a->number() > b->number(); };
    free_slots_.push_back(std::move(attempt.slot));
    std::sort(free_slots_.begin(), free_slots_.end(), lower);
  }
  attempt.slot.reset();
  if (alone && attempt.output) pipes_.push_back(std::move(attempt.output));
  attempt.output.reset();
  attempt.last_words.clear();
  attempt.calls.clear();
  attempt.request.config.clear();
  attempt.request.secrets.clear();
  attempt.secrets.reset();
  attempt.phase = Attempt::Phase::ended;
  --active_;
  if (attempt.acknowledged) acknowledge(Id(attempt.request.id));  // ends `attempt`
  leave_if_done();
}

void Supervisor::finish_command(Attempt& attempt) {
  Ending ending;
  ending.wait_status = attempt.wait_status;
  ending.stop_reason = attempt.stop_reason;
  ending.killed_by_us = attempt.killed_by_us;
  ending.asked = attempt.asked_to_end;
  ending.memory_limit = attempt.request.memory_limit;
  ending.memory_peak = attempt.memory_peak;
  ending.out_of_memory = attempt.out_of_memory;
  ending.ran_us = monotonic_us() - attempt.started_mono_us;
  ending.plugin = attempt.plugin;
  ending.last_line = last_line(attempt.last_words);
  judge(ending, attempt.result);
  if (attempt.plugin) return;
  if (attempt.program) attempt.program->drain();
  read_metrics(attempt, true);
  if (attempt.result.status != "succeeded") return;
  const std::string text = attempt.slot->read_output();
  auto outputs = parse_outputs(text, attempt.slot->output_size());
  if (!outputs && attempt.secrets && text.size() <= kMaxOutputBytes) {
    outputs = parse_outputs(attempt.secrets->redact(text));  // an error shows some of the line
  }
  if (!outputs) {
    attempt.result.status = "failed";
    attempt.result.cause = "error";
    attempt.result.message = outputs.error().message;
    return;
  }
  attempt.result.outputs = std::move(*outputs);
  if (!attempt.slot->has_artifacts()) return;
  auto files = list_artifacts(attempt.slot->files().artifacts);
  if (!files) {
    attempt.result.status = "failed";
    attempt.result.cause = "error";
    attempt.result.message = files.error().message;
    return;
  }
  take_artifacts(attempt, std::move(*files));
}

void Supervisor::finish_plugin(Attempt& attempt) {
  if (attempt.phase != Attempt::Phase::running) return;
  attempt.phase = Attempt::Phase::said;
  protocol::Result& said = *attempt.said;
  attempt.result.status = said.status;
  attempt.result.cause = said.cause;
  attempt.result.message = said.message;
  attempt.result.outputs = std::move(said.outputs);
  attempt.cpu_us = said.cpu_us;
  attempt.max_rss = said.max_rss;
  if (attempt.result.status == "cancelled" && !attempt.stop_reason.empty()) {
    attempt.result.cause = attempt.stop_reason;
  }
  if (nesting_of(attempt.result.outputs) > kMaxNesting) {
    attempt.result.outputs = "{}";
    attempt.result.status = "failed";
    attempt.result.cause = "error";
    attempt.result.message = fmt::format(
        "the outputs are nested deeper than {} levels; write them as an artifact", kMaxNesting);
  }
  if (attempt.result.status == "succeeded") take_artifacts(attempt, std::move(said.artifacts));
  // The result goes out now: tearing down a large process takes longer than the next step's start.
  end_output(attempt);
  fail_commands(attempt, "the attempt ended before it answered");
  close(attempt);
  report(attempt);
  loop_.cancel(attempt.kill_timer);
  attempt.kill_timer = loop_.after(kLeaveUs, [this, &attempt] { kill_all(attempt); });
}

void Supervisor::take_artifacts(Attempt& attempt, std::vector<protocol::ArtifactFile> files) {
  if (files.empty()) return;
  const std::string from = attempt.slot->files().artifacts;
  const std::string to = artifact_directory(attempt.request.id);
  if (auto taken = attempt.slot->take_artifacts(to); !taken) {
    attempt.result.status = "failed";
    attempt.result.cause = "retryable";
    attempt.result.message = taken.error().message;
    return;
  }
  for (protocol::ArtifactFile& file : files) file.path = to + file.path.substr(from.size());
  attempt.result.artifacts = std::move(files);
}

void Supervisor::close(Attempt& attempt) {
  protocol::Result& result = attempt.result;
  result.started_us = attempt.started_us;
  result.ended_us = wall_us();
  result.cpu_us = attempt.cpu_us;
  result.max_rss = attempt.max_rss;
  result.log = attempt.log;
  if (attempt.log.segment.empty()) return;
  if (const auto log = logs_.open(attempt.request.log_dir, attempt.log.segment)) {
    result.log.length = log->size > attempt.log.offset ? log->size - attempt.log.offset : 0;
  }
}

/// The engine is told, after the sidecar where that can say more of a failure.
void Supervisor::report(Attempt& attempt) {
  attempt.result.post_mortem = last_lines_json(attempt.result, attempt.last_words);
  if (attempt.secrets) attempt.secrets->redact(attempt.result);
  if (!ask_post_mortem(attempt)) tell_result(attempt);
}

void Supervisor::tell_result(Attempt& attempt) {
  loop_.cancel(attempt.post_mortem_timer);
  attempt.awaits_post_mortem = false;
  attempt.reported = true;
  engine_.send(protocol::Ended{attempt.result});
}

}  // namespace scanflow::worker
