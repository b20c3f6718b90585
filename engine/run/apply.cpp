// Events to state: no decision, no clock; the same live and in replay.
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "engine/run/machine_impl.hpp"

namespace scanflow::run {

void Machine::Impl::refuse(const Event& event, const std::string& why) const {
  const std::string where =
      event.step < steps.size() ? fmt::format(" of step {}", id(event.step)) : std::string();
  const std::string attempt =
      event.attempt != 0 ? fmt::format(", attempt {}", event.attempt) : std::string();
  throw std::logic_error(
      fmt::format("{}{}{} cannot follow: {}", name(event.type), where, attempt, why));
}

void Machine::Impl::apply(const Event& event) {
  if (event.type != EventType::run_created && !created) refuse(event, "the run was not created");
  if (status > RunStatus::running) refuse(event, "the run has ended");
  switch (event.type) {
    case EventType::run_created:
      if (created) refuse(event, "the run was created already");
      return create(event);
    case EventType::run_started:
      if (status != RunStatus::queued) refuse(event, "the run was not queued");
      return start(event);
    case EventType::cancel_requested:
      return request_cancel(event);
    case EventType::run_concluded:
      return conclude(event);
    case EventType::run_ended:
      if (!phases_done) refuse(event, "there are steps that have not ended");
      if (!beside.empty()) refuse(event, "an attempt that was superseded has not ended");
      status = event.status;
      return;
    default:
      if (event.step >= steps.size()) {
        refuse(event, fmt::format("there is no step {} among {}", event.step, steps.size()));
      }
      if (status == RunStatus::queued) refuse(event, "the run is queued");
      apply_to_step(event);
  }
}

void Machine::Impl::conclude(const Event& event) {
  if (!phases_done || concluded) refuse(event, "nothing is to be concluded");
  concluded = true;
  conclusion_failed = event.cause != Cause::none;
  conclusion = event.data;
}

void Machine::Impl::create(const Event& event) {
  created = true;
  status = event.status;
  if (status != RunStatus::queued) start(event);
}

void Machine::Impl::start(const Event& event) {
  status = RunStatus::running;
  if (const std::int64_t timeout = plan->pipeline->timeout_us; timeout > 0) {
    timers.push({event.time_us + timeout, kNoStep, 0, Timer::Kind::run});
  }
  enter_phase(Phase::main);
  advance_phase();
}

void Machine::Impl::apply_to_step(const Event& event) {
  const StepState& step = steps[event.step];
  StepNode& node = nodes[event.step];
  const bool is_ready = step.status == StepStatus::ready && step.attempts == 0;
  const auto require = [&](bool condition, const char* why) {
    if (!condition) refuse(event, fmt::format("{} (it is {})", why, name(step.status)));
  };
  // Cancelled while its expressions were evaluated: the answer comes too late.
  const bool too_late = step.status == StepStatus::cancelled && step.attempts == 0;
  switch (event.type) {
    case EventType::step_resolved:
    case EventType::step_expanded:
      if (too_late) return;
      require(is_ready && node.needs_resolve && !node.resolved, "nothing of it is to resolve");
      return event.type == EventType::step_resolved ? resolved(event) : expanded(event);
    case EventType::step_skipped:
      if (too_late) return;
      require(is_ready || (step.status == StepStatus::pending &&
                           not_applicable[static_cast<std::size_t>(node.phase)]),
              "it is not its turn");
      return end_step(event, StepStatus::skipped);
    case EventType::step_cached:
    case EventType::step_failed:
      if (too_late) return;
      require(is_ready, "it is not its turn");
      return end_step(
          event, event.type == EventType::step_cached ? StepStatus::cached : StepStatus::failed);
    case EventType::step_cancelled:
      require(step.status < StepStatus::expanded,
              "only a step without an attempt in flight can be cancelled");
      return end_step(event, StepStatus::cancelled);
    case EventType::approval_requested:
      require(is_ready && !node.approved, "no approval of it is wanted");
      require(!node.needs_resolve || node.resolved, "its expressions were not evaluated");
      set_status(event.step, StepStatus::awaiting);
      if (event.wake_us > 0) {
        timers.push({event.wake_us, event.step, 0, Timer::Kind::approval});
      }
      return;
    case EventType::approval_given:
    case EventType::approval_refused:
      require(step.status == StepStatus::awaiting, "nobody was asked");
      if (event.type == EventType::approval_given) return approved(event);
      return end_step(event, StepStatus::failed);
    case EventType::hedge_requested:
      require(step.status == StepStatus::running && step.attempt == event.attempt,
              "that attempt is not in flight");
      require(beside_of(event.step) == nullptr && !node.hedge_wanted, "it has a second attempt");
      require(node.stopping == Cause::none, "its attempt is being stopped");
      node.hedge_wanted = true;
      return kind_of(event.step).launchable.push(event.step, node.priority, node.path);
    case EventType::attempt_started:
      if (event.attempt != step.attempts + 1) refuse(event, "the attempt before is missing");
      if (node.hedge_wanted) return attempt_started(event);
      require(step.status == StepStatus::ready || step.status == StepStatus::waiting,
              "it is not its turn");
      require(!node.needs_resolve || node.resolved, "its expressions were not evaluated");
      require(node.approved, "it was not approved");
      return attempt_started(event);
    case EventType::attempt_placed:
    case EventType::attempt_stopping:
    case EventType::attempt_ended:
      require(is_in_flight(event.step, event.attempt), "that attempt is not in flight");
      if (event.type == EventType::attempt_placed) return;
      if (event.type == EventType::attempt_ended) return attempt_ended(event);
      if (const auto other = beside.find(event.step);
          other != beside.end() && other->second.attempt == event.attempt) {
        other->second.stopping = event.cause;
      } else {
        node.stopping = event.cause;
      }
      to_stop.emplace_back(event.step, event.attempt);
      return;
    case EventType::retry_scheduled:
      require(step.status == StepStatus::waiting && event.attempt == step.attempts,
              "no attempt of it waits for a retry");
      node.unscheduled = false;
      timers.push({event.wake_us, event.step, event.attempt, Timer::Kind::retry});
      return;
    default:
      refuse(event, "it is no event of a step");
  }
}

void Machine::Impl::resolved(const Event& event) {
  StepNode& node = nodes[event.step];
  if (node.asked) --asked;
  node.asked = false;
  node.resolved = true;
  ++resolved_ready;
  steps[event.step].resolved = event.data;
  make_launchable(event.step);
}

/// Its instances come behind all steps that are there; they are ready, each with expressions of its
/// own over its item.
void Machine::Impl::expanded(const Event& event) {
  static const json kNone = json::array();
  const json& items = event.data ? event.data->value("/items"_json_pointer, kNone) : kNone;
  if (items.empty()) refuse(event, "it has no items");
  const pipeline::PlannedStep whole = planned(event.step);
  const StepNode from = nodes[event.step];
  Group& group = groups[event.step];
  group.first = static_cast<std::uint32_t>(steps.size());
  group.count = static_cast<std::uint32_t>(items.size());
  steps[event.step].first_started_us = steps[event.step].started_us = event.time_us;
  set_status(event.step, StepStatus::expanded);
  nodes[event.step].missing = group.count;
  counts[static_cast<std::size_t>(StepStatus::pending)] += group.count;
  remaining_of(from.phase) += group.count;
  for (std::uint32_t i = 0; i < group.count; ++i) {
    const std::uint32_t index = group.first + i;
    added.push_back({fmt::format("{}[{}]", whole.id, i), whole.spec, whole.matrix, items[i]});
    steps.emplace_back();
    StepNode& node = nodes.emplace_back();
    node.path = from.path;
    node.group = event.step;
    node.kind = from.kind;
    node.priority = from.priority;
    node.phase = from.phase;
    node.needs_resolve = true;
    node.approved = from.approved;
    if (from.phase != Phase::main) {
      handlers[static_cast<std::size_t>(from.phase)].push_back(index);
    }
    make_ready(index);
  }
}

void Machine::Impl::approved(const Event& event) {
  if (spec_of(event.step).uses.empty()) return end_step(event, StepStatus::succeeded);
  nodes[event.step].approved = true;
  set_status(event.step, StepStatus::ready);
  if (nodes[event.step].resolved) ++resolved_ready;
  make_launchable(event.step);
}

void Machine::Impl::attempt_started(const Event& event) {
  StepState& step = steps[event.step];
  StepNode& node = nodes[event.step];
  if (const std::int64_t timeout = spec_of(event.step).timeout_us; timeout > 0) {
    timers.push({event.time_us + timeout, event.step, event.attempt, Timer::Kind::deadline});
  }
  step.attempts = event.attempt;
  if (node.hedge_wanted) {
    node.hedge_wanted = false;
    ++step.hedges;
    ++kind_of(event.step).running;
    beside[event.step] = {event.attempt, event.time_us, Cause::none, true};
    return;
  }
  if (step.attempts == 1) step.first_started_us = event.time_us;
  step.attempt = event.attempt;
  step.started_us = event.time_us;
  step.ended_us = 0;
  step.cause = Cause::none;
  step.result.reset();
  node.stopping = Cause::none;
  node.unscheduled = false;
  node.due = false;
  node.is_hedge = false;
  set_status(event.step, StepStatus::running);
}

/// One of two has not succeeded: the step goes on with the other one.
void Machine::Impl::leave_to_other(const Event& event) {
  StepState& step = steps[event.step];
  StepNode& node = nodes[event.step];
  const InFlight other = beside.extract(event.step).mapped();
  --kind_of(event.step).running;
  if (other.attempt == event.attempt) return;
  step.attempt = other.attempt;
  step.started_us = other.started_us;
  node.stopping = other.stopping;
  node.is_hedge = other.hedge;
}

/// One of two has succeeded: the other one is left, to be stopped.
void Machine::Impl::succeed_first(const Event& event) {
  StepState& step = steps[event.step];
  StepNode& node = nodes[event.step];
  InFlight& other = beside.at(event.step);
  if (other.attempt == event.attempt) {
    std::swap(other.attempt, step.attempt);
    std::swap(other.started_us, step.started_us);
    other.stopping = node.stopping;
    other.hedge = node.is_hedge;
  }
  if (other.stopping == Cause::none) to_supersede.push_back(event.step);
  end_step(event, StepStatus::succeeded);
}

void Machine::Impl::attempt_ended(const Event& event) {
  if (steps[event.step].status != StepStatus::running) {  // its step ended by another attempt
    --kind_of(event.step).running;
    beside.erase(event.step);
    return;
  }
  if (beside_of(event.step) != nullptr)
    return event.cause == Cause::none ? succeed_first(event) : leave_to_other(event);
  if (event.cause == Cause::none) return end_step(event, StepStatus::succeeded);
  StepNode& node = nodes[event.step];
  Event end = event;
  if (node.stopping != Cause::none) end.cause = node.stopping;
  // A step that says "cancelled" though nobody asked has failed.
  if (node.stopping == Cause::cancelled || node.stopping == Cause::upstream) {
    return end_step(end, StepStatus::cancelled);
  }

  const pipeline::Retry& retry = spec_of(event.step).retry;
  // What began beside another one uses up no retry.
  const std::uint32_t tries = steps[event.step].attempts - steps[event.step].hedges;
  const bool may_retry = tries <= retry.limit && !closed() &&
                         std::find(retry.on.begin(), retry.on.end(), end.cause) != retry.on.end();
  if (!may_retry) return end_step(end, StepStatus::failed);
  StepState& step = steps[event.step];
  step.cause = end.cause;
  step.ended_us = end.time_us;
  step.result = end.data;
  node.stopping = Cause::none;
  node.hedge_wanted = false;
  node.unscheduled = true;
  set_status(event.step, StepStatus::waiting);
  to_schedule.push_back(event.step);
}

void Machine::Impl::end_step(const Event& event, StepStatus ended_as) {
  StepState& step = steps[event.step];
  StepNode& node = nodes[event.step];
  step.cause = event.cause;
  step.ended_us = event.time_us;
  step.result = event.data;
  node.stopping = Cause::none;
  node.hedge_wanted = false;
  node.unscheduled = false;
  set_status(event.step, ended_as);
  --remaining_of(node.phase);
  const bool allowed = ended_as == StepStatus::failed && spec_of(event.step).allow_failure;
  if (allowed) ++allowed_failures;
  if (ended_as == StepStatus::failed && !allowed) {
    std::uint32_t& first = first_failed[static_cast<std::size_t>(node.phase)];
    if (first == kNoStep) first = event.step;
  } else if (ended_as != StepStatus::cancelled && event.step < plan->steps.size()) {
    for (const graph::Node dependent : plan->graph.dependents(event.step)) {
      if (--nodes[dependent].missing == 0 && nodes[dependent].phase == phase) {
        make_ready(dependent);
      }
    }
  }
  const Phase ended_in = node.phase;
  if (node.group != kNoStep) end_instance(node.group, event, ended_as);
  if (remaining_of(ended_in) == 0) advance_phase();
}

/// A step with a for_each ends with the last of its instances: failed where one of them has,
/// cancelled where one was, else with success, also where some of them were skipped.
void Machine::Impl::end_instance(std::uint32_t index, const Event& event, StepStatus ended_as) {
  Group& group = groups.at(index);
  if (ended_as == StepStatus::failed && !group.failed) group.cause = event.cause;
  group.failed = group.failed || ended_as == StepStatus::failed;
  group.cancelled = group.cancelled || ended_as == StepStatus::cancelled;
  group.succeeded = group.succeeded || ended_as == StepStatus::succeeded;
  if (--nodes[index].missing > 0) return;
  Event end{.type = event.type, .step = index, .time_us = event.time_us};
  if (group.failed) end.cause = group.cause;
  if (!group.failed && group.cancelled) end.cause = event.cause;
  end_step(end, group.failed      ? StepStatus::failed
                : group.cancelled ? StepStatus::cancelled
                                  : StepStatus::succeeded);
}

void Machine::Impl::set_status(std::uint32_t index, StepStatus next) {
  StepState& step = steps[index];
  StepNode& node = nodes[index];
  if (step.status == StepStatus::ready) {
    if (node.asked) --asked;
    node.asked = false;
    if (node.resolved) --resolved_ready;
  }
  if (step.status == StepStatus::running) --kind_of(index).running;
  if (next == StepStatus::running) ++kind_of(index).running;
  --counts[static_cast<std::size_t>(step.status)];
  ++counts[static_cast<std::size_t>(next)];
  step.status = next;
}

void Machine::Impl::make_ready(std::uint32_t index) {
  if (steps[index].status != StepStatus::pending) return;
  set_status(index, StepStatus::ready);
  if (plan->reuse.contains(id(index))) return to_reuse.push_back(index);
  if (!nodes[index].needs_resolve) return make_launchable(index);
  unresolved.push(index, nodes[index].priority, nodes[index].path);
}

/// Its expressions are known: to be approved, or to start.
void Machine::Impl::make_launchable(std::uint32_t index) {
  const StepNode& node = nodes[index];
  if (!node.approved) {
    to_approve.push_back(index);
  } else {
    kind_of(index).launchable.push(index, node.priority, node.path);
  }
}

/// Leaves phases that are over. Main is followed by on_success or on_failure, or neither where it
/// was cancelled; then comes on_exit.
void Machine::Impl::advance_phase() {
  while (!phases_done && remaining_of(phase) == 0) {
    if (phase == Phase::main) {
      const bool failed = main_failed();
      not_applicable[static_cast<std::size_t>(Phase::on_success)] = cancelled || failed;
      not_applicable[static_cast<std::size_t>(Phase::on_failure)] = cancelled || !failed;
      const Phase follows = failed ? Phase::on_failure : Phase::on_success;
      enter_phase(cancelled ? Phase::on_exit : follows);
    } else if (phase != Phase::on_exit) {
      enter_phase(Phase::on_exit);
    } else {
      // Handlers that do not apply are marked as skipped by decide().
      phases_done = remaining_of(Phase::on_success) == 0 && remaining_of(Phase::on_failure) == 0;
      return;
    }
  }
}

void Machine::Impl::enter_phase(Phase next) {
  phase = next;
  cancelling_phase = false;
  const auto start = [&](std::uint32_t step) {
    if (nodes[step].missing == 0) make_ready(step);
  };
  if (next == Phase::main) {
    for (std::uint32_t i = 0; i < steps.size(); ++i) {
      if (nodes[i].phase == Phase::main) start(i);
    }
  } else {
    for (const std::uint32_t i : handlers[static_cast<std::size_t>(next)]) start(i);
  }
}

/// Ends the current phase; on_exit still follows. In on_exit it is cancelled itself. Of a queued run
/// nothing starts any more.
void Machine::Impl::request_cancel(const Event& event) {
  if (status == RunStatus::queued) start(event);
  cancel_cause = event.cause == Cause::none ? Cause::cancelled : event.cause;
  cancelled = cancelled || cancel_cause == Cause::cancelled;
  timed_out = timed_out || cancel_cause == Cause::timeout;
  cancelling_phase = true;
  sweep_cancelled = true;
}

}  // namespace scanflow::run
