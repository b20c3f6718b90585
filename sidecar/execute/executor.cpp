// The life of commands; primitives.cpp has what each of them does.
#include "sidecar/execute/executor.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "sdk/base/units.hpp"
#include "sdk/base/uuid.hpp"
#include "sidecar/execute/said.hpp"
#include "sidecar/protocol/primitives.hpp"

namespace scanflow::execute {
namespace {

/// An attempt is told of a moment after it has started; a command for it may be faster.
constexpr std::int64_t kAnnouncedUs = 5'000'000;

std::string name_of(const protocol::AttemptId& attempt) {
  return fmt::format("{} (attempt {})", attempt.step, attempt.attempt);
}

}  // namespace

Executor::Executor(Journal& journal, Hands& hands, Events events, Now now)
    : journal_(journal), hands_(hands), events_(std::move(events)) {
  Journal::Left left = journal_.take_left();
  held_ = std::move(left.held);
  for (protocol::Command& command : left.started) {
    Task task;
    task.command = std::move(command);
    report(task, "INDETERMINATE",
           "the sidecar was killed after it had begun: it may have been done", json::object(), now);
    (void)journal_.ended(task.command.id);
  }
  for (protocol::Command& command : left.received) take(std::move(command), nullptr, now);
}

Result<void> Executor::command(const protocol::Command& command, Now now) {
  if (journal_.knows(command.id)) return {};
  if (auto written = journal_.received(command, now.wall_us); !written) return written;
  take(command, nullptr, now);
  return {};
}

void Executor::act(const protocol::AttemptId& attempt, const std::string& primitive,
                   const nlohmann::json& why, Now now) {
  protocol::Command command;
  command.id = "rule-" + uuid_v7(now.wall_us / 1000);
  command.target = attempt;
  command.primitive = primitive;
  const auto* known = protocol::find_primitive(primitive);
  command.deadline_us = known == nullptr ? kAnnouncedUs : known->deadline_us;
  if (const Workload* workload = find(attempt); workload != nullptr && known != nullptr) {
    // What a person has ordered since does not make a rule late.
    if (const auto latest = workload->latest.find(std::string(known->group));
        latest != workload->latest.end()) {
      command.generation = latest->second;
    }
  }
  (void)journal_.received(command, now.wall_us);  // a full disk must not keep it from acting
  take(std::move(command), why, now);
}

void Executor::take(protocol::Command command, json why, Now now) {
  const std::string id = command.id;
  Task& task = tasks_[id];
  task.command = std::move(command);
  task.told_us = now.mono_us;
  task.deadline_us = now.mono_us + task.command.deadline_us;
  task.why = std::move(why);
  task.arguments = json::parse(task.command.arguments, nullptr, false);
  if (task.command.deadline_us <= 0)
    return finish(task, "EXPIRED", "its deadline had passed when it came", json::object(), now);
  if (!task.arguments.is_object())
    return finish(task, "FAILED", "its arguments are no JSON object", json::object(), now);
  if (performer_of(task.command.primitive) == nullptr) {
    return finish(task, "UNSUPPORTED",
                  fmt::format("this sidecar has no primitive '{}'", task.command.primitive),
                  json::object(), now);
  }
  if (Workload* workload = find(task.command.target)) begin(task, *workload, now);
}

void Executor::begin(Task& task, Workload& workload, Now now) {
  if (!take_turn(task, workload, now)) return;
  if (auto written = journal_.started(task.command.id); !written)
    events_.say(written.error().message);
  task.started_us = now.wall_us;
  (this->*performer_of(task.command.primitive))(task, workload, now);
}

/// Of those that exclude each other the latest holds. False: it is not this one.
bool Executor::take_turn(Task& task, Workload& workload, Now now) {
  const std::string group(protocol::find_primitive(task.command.primitive)->group);
  if (group.empty()) return true;
  const std::uint64_t generation = task.command.generation;
  std::uint64_t& latest = workload.latest[group];
  if (generation < latest) {
    finish(task, "SUPERSEDED", "a later command was done before it came", json::object(), now);
    return false;
  }
  latest = generation;
  std::vector<Task*> older;
  for (auto& [id, other] : tasks_) {
    const bool excluded = &other != &task && other.stage != Task::waiting &&
                          other.command.target == task.command.target &&
                          protocol::find_primitive(other.command.primitive)->group == group;
    if (excluded) older.push_back(&other);
  }
  for (Task* other : older) {
    finish(*other, "SUPERSEDED", fmt::format("a later {} took its place", task.command.primitive),
           json::object(), now);
  }
  return true;
}

void Executor::report(const Task& task, const std::string& outcome, const std::string& message,
                      const json& evidence, Now now) const {
  protocol::Outcome ended;
  ended.id = task.command.id;
  ended.target = task.command.target;
  ended.primitive = task.command.primitive;
  ended.outcome = outcome;
  ended.message = message;
  json told = evidence;
  if (!task.why.is_null()) told.update(task.why);
  ended.evidence = told.dump(-1, ' ', false, json::error_handler_t::replace);
  ended.started_us = task.started_us;
  ended.ended_us = now.wall_us;
  events_.ended(ended);
}

/// Ends `task`. The outcome is kept before the journal says that there is one: killed in between, it
/// is told twice, not never.
void Executor::finish(Task& task, const std::string& outcome, const std::string& message,
                      const json& evidence, Now now) {
  report(task, outcome, message, evidence, now);
  if (auto written = journal_.ended(task.command.id); !written)
    events_.say(written.error().message);
  tasks_.erase(std::string(task.command.id));
}

void Executor::answered(std::uint64_t call, const std::string& outcome, const std::string& value,
                        Now now) {
  const auto found = std::find_if(tasks_.begin(), tasks_.end(), [&](const auto& entry) {
    return entry.second.call == call && entry.second.stage == Task::asked;
  });
  if (call == 0 || found == tasks_.end()) return;
  Task& task = found->second;
  json said = json::parse(value, nullptr, false);
  if (!said.is_object()) said = json::object();
  Workload* workload = find(task.command.target);
  if (outcome == "DONE" && workload != nullptr) return done(task, *workload, std::move(said), now);
  const std::string message =
      text_of(said, "message", outcome == "DONE" ? "" : "it did not say why");
  said.erase("message");
  finish(task, outcome, message, said, now);
}

void Executor::brought(std::uint64_t call, const Result<std::map<std::string, std::string>>& paths,
                       Now now) {
  const auto found = std::find_if(tasks_.begin(), tasks_.end(), [&](const auto& entry) {
    return entry.second.call == call && entry.second.stage == Task::bringing;
  });
  if (found == tasks_.end()) return;
  Task& task = found->second;
  if (!paths) return finish(task, "FAILED", paths.error().message, json::object(), now);
  for (json& version : task.arguments["versions"]) {
    if (version.contains("sha256")) version["model"] = paths->at(text_of(version, "sha256"));
  }
  if (find(task.command.target) != nullptr) ask(task, task.command.primitive, task.arguments, now);
}

void Executor::add(const protocol::AttemptId& attempt, Steering steering, Now now) {
  const auto [place, fresh] = workloads_.try_emplace(attempt);
  Workload& workload = place->second;
  workload.id = attempt;
  workload.steering = std::move(steering);
  if (!fresh) return;
  if (held_.erase(attempt) > 0) {
    workload.to_be_resumed = true;
    (void)hands_.signal(attempt, SIGCONT);
    (void)journal_.holds(attempt, false);
    events_.say(fmt::format("{} goes on: the sidecar that held it was killed", name_of(attempt)));
  }
  std::vector<Task*> waiting;
  for (auto& [id, task] : tasks_) {
    if (task.stage == Task::waiting && task.command.target == attempt) waiting.push_back(&task);
  }
  std::sort(waiting.begin(), waiting.end(), [](const Task* a, const Task* b) {
    return a->command.generation < b->command.generation;
  });
  for (Task* task : waiting) begin(*task, workload, now);
}

void Executor::offers(const protocol::AttemptId& attempt, std::vector<std::string> names) {
  Workload* workload = find(attempt);
  if (workload == nullptr) return;
  workload->offered = std::move(names);
  if (std::exchange(workload->to_be_resumed, false) && is_offered(*workload, "resume"))
    (void)hands_.ask(attempt, ++calls_, "resume", "{}");
}

void Executor::remove(const protocol::AttemptId& attempt, const std::string& how, Now now) {
  const Workload* workload = find(attempt);
  if (workload == nullptr) return;
  // What its leader has left must not stay stopped for ever.
  if (workload->hold.is_stopped()) (void)hands_.signal(attempt, SIGCONT);
  workloads_.erase(attempt);
  (void)journal_.holds(attempt, false);
  std::vector<Task*> over;
  for (auto& [id, task] : tasks_) {
    if (task.command.target == attempt) over.push_back(&task);
  }
  for (Task* task : over) {
    const bool wanted = task->stage == Task::ending;
    finish(*task, wanted ? "DONE" : "FAILED",
           wanted ? fmt::format("it has ended: {}", how) : "the attempt ended before it was done",
           json::object(), now);
  }
}

void Executor::watched(bool watched, Now now) {
  watched_ = watched;
  tick(now);
}

/// Ends what holds it back and is over.
void Executor::release(Workload& workload, Now now) {
  const auto tell = [&](const char* what, const Hold::Lease& lease) {
    const char* why = now.mono_us >= lease.until_us ? "its time is over" : "no engine watches it";
    events_.say(fmt::format("{} {}: {}", name_of(workload.id), what, why));
  };
  if (Hold::over(workload.hold.paused(), now.mono_us, watched_)) {
    tell("resumes", *workload.hold.paused());
    if (workload.hold.paused()->how == Hold::How::command) ask_to_resume(workload);
    workload.hold.resume();
  }
  if (Hold::over(workload.hold.throttled(), now.mono_us, watched_)) {
    tell("is not throttled any more", *workload.hold.throttled());
    if (workload.hold.throttled()->how == Hold::How::command)
      (void)hands_.ask(workload.id, ++calls_, "throttle", R"({"share": 1})");
    workload.hold.unthrottle();
  }
}

void Executor::ask_to_resume(const Workload& workload) {
  (void)hands_.ask(workload.id, ++calls_, "resume", "{}");
}

/// Stops or continues it, as what holds it says now.
Hands::Sent Executor::apply(Workload& workload, Now now) {
  const bool held = workload.hold.paused() || workload.hold.throttled();
  // Before it is stopped: a successor must know.
  if (auto written = journal_.holds(workload.id, held); !written)
    events_.say(written.error().message);
  const bool stop = workload.hold.shall_stop(now.mono_us);
  if (stop == workload.hold.is_stopped()) return {};
  auto sent = hands_.signal(workload.id, stop ? SIGSTOP : SIGCONT);
  // Of one that could not be the turn is tried again when it is due the next time.
  workload.hold.turned(sent ? stop : workload.hold.is_stopped(), now.mono_us);
  return sent;
}

void Executor::time_out(Task& task, Now now) {
  const std::string seconds = format_duration(task.deadline_us - task.told_us);
  switch (task.stage) {
    case Task::waiting:
      return finish(
          task, "FAILED",
          fmt::format("there is no {} here; it may have ended", name_of(task.command.target)),
          json::object(), now);
    case Task::bringing:
      return finish(task, "FAILED",
                    fmt::format("its files did not come within {} (is the hub's port for files, "
                                "SCANFLOW_BULK, in reach?)",
                                seconds),
                    json::object(), now);
    case Task::asked:
      return finish(task, "INDETERMINATE",
                    fmt::format("it has not answered within {}; it may do it still", seconds),
                    json::object(), now);
    case Task::file:
      return finish(task, "FAILED", fmt::format("its file was not there within {}", seconds),
                    json::object(), now);
    case Task::ending:
      return finish(task, "FAILED", fmt::format("it has not ended within {}", seconds),
                    json::object(), now);
  }
}

void Executor::tick(Now now) {
  for (auto& [id, workload] : workloads_) {
    release(workload, now);
    (void)apply(workload, now);  // tried again at the next turn
  }
  std::vector<Task*> late, looking;
  for (auto& [id, task] : tasks_) {
    const bool unknown = task.stage == Task::waiting && now.mono_us - task.told_us >= kAnnouncedUs;
    if (now.mono_us >= task.deadline_us || unknown) {
      late.push_back(&task);
    } else if (task.stage == Task::file) {
      if (now.mono_us >= task.look_us) looking.push_back(&task);
    } else if (now.mono_us >= task.kill_us) {
      task.kill_us = Hold::kNever;
      (void)hands_.signal(task.command.target, SIGKILL);
    }
  }
  for (Task* task : late) time_out(*task, now);
  for (Task* task : looking) {
    if (Workload* workload = find(task->command.target)) look_for_file(*task, *workload, now);
  }
}

std::int64_t Executor::wake_us(Now now) const {
  std::int64_t wake = Hold::kNever;
  for (const auto& [id, workload] : workloads_)
    wake = std::min(wake, workload.hold.wake_us(now.mono_us));
  for (const auto& [id, task] : tasks_) {
    wake = std::min({wake, task.deadline_us, task.kill_us});
    if (task.stage == Task::file) wake = std::min(wake, task.look_us);
    if (task.stage == Task::waiting) wake = std::min(wake, task.told_us + kAnnouncedUs);
  }
  return wake;
}

const Hold* Executor::hold(const protocol::AttemptId& attempt) const {
  const auto found = workloads_.find(attempt);
  return found == workloads_.end() ? nullptr : &found->second.hold;
}

bool Executor::is_offered(const protocol::AttemptId& attempt, const std::string& name) const {
  const auto found = workloads_.find(attempt);
  return found != workloads_.end() && is_offered(found->second, name);
}

bool Executor::is_offered(const Workload& workload, const std::string& name) {
  return std::find(workload.offered.begin(), workload.offered.end(), name) !=
         workload.offered.end();
}

Executor::Workload* Executor::find(const protocol::AttemptId& attempt) {
  const auto found = workloads_.find(attempt);
  return found == workloads_.end() ? nullptr : &found->second;
}

}  // namespace scanflow::execute
