// State to decisions. Every event decided here goes through apply() at once, so that the state
// after a decision is the state that replay gives.
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "engine/run/backoff.hpp"
#include "engine/run/machine_impl.hpp"

namespace scanflow::run {
namespace {

/// Resolves handed out or answered ahead of free slots: enough to keep launches busy, few enough
/// that resolved configurations of a wide layer do not pile up in memory.
constexpr std::uint32_t kResolveAhead = 256;

std::shared_ptr<const json> message_data(std::string message) {
  return std::make_shared<const json>(json{{"message", std::move(message)}});
}

}  // namespace

Decisions Machine::Impl::decide(std::int64_t now, std::uint32_t slots) {
  Decisions out;
  if (!created || status != RunStatus::running) return out;
  now_us = now;
  // Each of these may end a phase, so that the next one begins.
  for (bool again = true; again;) {
    const Phase before = phase;
    cancel_running_and_waiting(out);
    give_up_what_cannot_start(out);
    skip_handlers(out);
    again = phase != before;
  }
  fire_timers(out);
  schedule_retries(out);
  ask_for_resolves(out, slots);
  launch(out, slots);
  hand_out_stops(out);
  end_run(out);
  out.wake_us = next_wake();
  return out;
}

void Machine::Impl::emit(Decisions& out, Event event) {
  event.time_us = now_us;
  apply(event);
  out.events.push_back(std::move(event));
}

/// After a request to cancel: once over all steps of the phase.
void Machine::Impl::cancel_running_and_waiting(Decisions& out) {
  if (!sweep_cancelled) return;
  sweep_cancelled = false;
  if (!cancelling_phase) return;
  for (std::uint32_t i = 0; i < steps.size() && count(StepStatus::running) > 0; ++i) {
    if (steps[i].status != StepStatus::running || nodes[i].stopping != Cause::none) continue;
    emit(out, {.type = EventType::attempt_stopping,
               .cause = Cause::cancelled,
               .step = i,
               .attempt = steps[i].attempts});
  }
  cancel_not_started(out, Cause::cancelled, "not started: the run was cancelled");
}

/// Ends whatever of the current phase has no attempt in flight. The phase is over after the last.
void Machine::Impl::cancel_not_started(Decisions& out, Cause cause, const std::string& message) {
  const Phase current = phase;
  const auto not_started = message_data(message);
  const auto given_up =
      message_data("given up before its next attempt: " + message.substr(message.find(':') + 2));
  const auto cancel = [&](std::uint32_t i) {
    const StepStatus at = steps[i].status;
    if (at != StepStatus::pending && at != StepStatus::ready && at != StepStatus::waiting) return;
    emit(out, {.type = EventType::step_cancelled,
               .cause = cause,
               .step = i,
               .data = at == StepStatus::waiting ? given_up : not_started});
  };
  if (current != Phase::main) {
    for (const std::uint32_t i : handlers[static_cast<std::size_t>(current)]) cancel(i);
    return;
  }
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    if (nodes[i].phase == Phase::main) cancel(i);
  }
}

/// After a failure in main: when the running ones have ended. Among handlers, which do not stop
/// each other: when nothing is left but what needs a failed one.
void Machine::Impl::give_up_what_cannot_start(Decisions& out) {
  if (phases_done || remaining_of(phase) == 0 || count(StepStatus::running) > 0) return;
  const bool some_can_start = count(StepStatus::ready) + count(StepStatus::waiting) > 0;
  if (phase == Phase::main ? !closed() : some_can_start) return;
  const std::uint32_t failed = first_failed[static_cast<std::size_t>(phase)];
  cancel_not_started(out, Cause::upstream,
                     failed == kNoStep ? "not started: something that it needs did not succeed"
                                       : fmt::format("not started: {} failed", id(failed)));
}

void Machine::Impl::skip_handlers(Decisions& out) {
  for (const Phase handler : {Phase::on_success, Phase::on_failure}) {
    if (!not_applicable[static_cast<std::size_t>(handler)] || remaining_of(handler) == 0) continue;
    const bool failed = first_failed[0] != kNoStep;
    const auto why = message_data(fmt::format(
        "{} does not apply: the run {}", handler == Phase::on_success ? "on_success" : "on_failure",
        cancelled ? "was cancelled" : (failed ? "failed" : "succeeded")));
    for (const std::uint32_t i : handlers[static_cast<std::size_t>(handler)]) {
      if (steps[i].status != StepStatus::pending) continue;
      emit(out, {.type = EventType::step_skipped, .step = i, .data = why});
    }
  }
}

bool Machine::Impl::is_current(const Timer& timer) const {
  const StepState& step = steps[timer.step];
  if (step.attempts != timer.attempt) return false;
  if (timer.is_retry) return step.status == StepStatus::waiting;
  return step.status == StepStatus::running && nodes[timer.step].stopping == Cause::none;
}

void Machine::Impl::fire_timers(Decisions& out) {
  while (!timers.empty() && timers.top().at_us <= now_us) {
    const Timer timer = timers.top();
    timers.pop();
    if (!is_current(timer)) continue;
    if (timer.is_retry) {
      nodes[timer.step].due = true;
      launchable.push(timer.step, nodes[timer.step].path);
    } else {
      emit(out, {.type = EventType::attempt_stopping,
                 .cause = Cause::timeout,
                 .step = timer.step,
                 .attempt = timer.attempt});
    }
  }
}

void Machine::Impl::schedule_retries(Decisions& out) {
  if (closed()) return;
  for (const std::uint32_t i : std::exchange(to_schedule, {})) {
    if (steps[i].status != StepStatus::waiting || !nodes[i].unscheduled) continue;
    const std::int64_t wait =
        retry_wait_us(plan->spec_of(i).retry.backoff, seed, i, steps[i].attempts);
    emit(out, {.type = EventType::retry_scheduled,
               .cause = steps[i].cause,
               .step = i,
               .attempt = steps[i].attempts,
               .wake_us = now_us + wait});
  }
}

void Machine::Impl::ask_for_resolves(Decisions& out, std::uint32_t slots) {
  if (closed()) return;
  const std::uint64_t ahead = std::uint64_t{kResolveAhead} + slots;
  while (!unresolved.empty() && asked + resolved_ready < ahead) {
    const std::uint32_t i = unresolved.top();
    unresolved.pop();
    if (steps[i].status != StepStatus::ready || nodes[i].resolved || nodes[i].asked) continue;
    nodes[i].asked = true;
    ++asked;
    out.effects.push_back({.kind = Effect::Kind::resolve, .step = i});
  }
}

void Machine::Impl::launch(Decisions& out, std::uint32_t slots) {
  if (closed()) return;
  const std::uint32_t limit = plan->pipeline->max_parallel;
  while (slots > 0 && !launchable.empty() && (limit == 0 || count(StepStatus::running) < limit)) {
    const std::uint32_t i = launchable.top();
    launchable.pop();
    const StepStatus at = steps[i].status;
    if (at != StepStatus::ready && !(at == StepStatus::waiting && nodes[i].due)) continue;
    const std::uint32_t attempt = steps[i].attempts + 1;
    emit(out, {.type = EventType::attempt_started, .step = i, .attempt = attempt});
    out.effects.push_back({.kind = Effect::Kind::launch, .step = i, .attempt = attempt});
    --slots;
  }
}

/// Also after a replay: the stop that was decided may never have reached the backend.
void Machine::Impl::hand_out_stops(Decisions& out) {
  for (const std::uint32_t i : std::exchange(to_stop, {})) {
    if (steps[i].status != StepStatus::running || nodes[i].stopping == Cause::none) continue;
    out.effects.push_back({.kind = Effect::Kind::stop,
                           .step = i,
                           .attempt = steps[i].attempts,
                           .cause = nodes[i].stopping});
  }
}

void Machine::Impl::end_run(Decisions& out) {
  if (!phases_done) return;
  RunStatus end = count(StepStatus::failed) > 0 ? RunStatus::failed : RunStatus::succeeded;
  if (cancelled) end = RunStatus::cancelled;
  emit(out, {.type = EventType::run_ended, .status = end});
}

std::int64_t Machine::Impl::next_wake() {
  while (!timers.empty() && !is_current(timers.top())) timers.pop();
  return timers.empty() || status != RunStatus::running ? 0 : timers.top().at_us;
}

}  // namespace scanflow::run
