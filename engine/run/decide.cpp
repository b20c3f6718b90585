// State to decisions. Every event decided here goes through apply() at once, so that the state
// after a decision is the state that replay gives.
#include <fmt/format.h>

#include <algorithm>
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

Decisions Machine::Impl::decide(std::int64_t now, Admission& admission) {
  Decisions out;
  if (!created || status != RunStatus::running) return out;
  now_us = now;
  supersede(out);
  fire_timers(out);
  // Each of these may end a phase, so that the next one begins.
  for (bool again = true; again;) {
    const Phase before = phase;
    fail_fast(out);
    cancel_running_and_waiting(out);
    give_up_what_cannot_start(out);
    skip_handlers(out);
    reuse_results(out);
    again = phase != before;
  }
  schedule_retries(out);
  ask_for_resolves(out);
  ask_for_approvals(out);
  launch(out, admission);
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

/// What is left of steps that have succeeded by another attempt.
void Machine::Impl::supersede(Decisions& out) {
  for (const std::uint32_t i : std::exchange(to_supersede, {})) {
    const InFlight* left = beside_of(i);
    if (left == nullptr || left->stopping != Cause::none) continue;
    emit(out, {.type = EventType::attempt_stopping,
               .cause = Cause::superseded,
               .step = i,
               .attempt = left->attempt});
  }
}

void Machine::Impl::fail_fast(Decisions& out) {
  if (!plan->pipeline->fail_fast || phase != Phase::main || phases_done || cancelling_phase) return;
  if (first_failed[0] == kNoStep || count(StepStatus::running) == 0) return;
  emit(out, {.type = EventType::cancel_requested, .cause = Cause::upstream});
}

/// After a request to cancel: once over all steps of the phase.
void Machine::Impl::cancel_running_and_waiting(Decisions& out) {
  if (!sweep_cancelled) return;
  sweep_cancelled = false;
  if (!cancelling_phase) return;
  for (std::uint32_t i = 0; i < steps.size() && count(StepStatus::running) > 0; ++i) {
    if (steps[i].status != StepStatus::running) continue;
    const auto stop = [&](std::uint32_t attempt) {
      emit(out, {.type = EventType::attempt_stopping,
                 .cause = cancel_cause,
                 .step = i,
                 .attempt = attempt});
    };
    if (nodes[i].stopping == Cause::none) stop(steps[i].attempt);
    const InFlight* other = beside_of(i);
    if (other != nullptr && other->stopping == Cause::none) stop(other->attempt);
  }
  const char* const why = cancel_cause == Cause::timeout ? "the run's timeout was over"
                          : cancel_cause == Cause::upstream
                              ? "another step failed, and the pipeline has fail_fast"
                              : "the run was cancelled";
  cancel_not_started(out, cancel_cause, fmt::format("not started: {}", why));
}

/// Ends whatever of the current phase has no attempt in flight. The phase is over after the last.
void Machine::Impl::cancel_not_started(Decisions& out, Cause cause, const std::string& message) {
  const Phase current = phase;
  const auto not_started = message_data(message);
  const auto given_up =
      message_data("given up before its next attempt: " + message.substr(message.find(':') + 2));
  const auto cancel = [&](std::uint32_t i) {
    const StepStatus at = steps[i].status;
    if (at >= StepStatus::expanded) return;
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
  const bool some_can_start =
      count(StepStatus::ready) + count(StepStatus::awaiting) + count(StepStatus::waiting) > 0;
  if (phase == Phase::main ? !closed() : some_can_start) return;
  const std::uint32_t failed = first_failed[static_cast<std::size_t>(phase)];
  cancel_not_started(out, Cause::upstream,
                     failed == kNoStep ? "not started: something that it needs did not succeed"
                                       : fmt::format("not started: {} failed", id(failed)));
}

void Machine::Impl::skip_handlers(Decisions& out) {
  for (const Phase handler : {Phase::on_success, Phase::on_failure}) {
    if (!not_applicable[static_cast<std::size_t>(handler)] || remaining_of(handler) == 0) continue;
    const bool failed = main_failed();
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
  if (timer.kind == Timer::Kind::run) return phase == Phase::main && !cancelling_phase;
  const StepState& step = steps[timer.step];
  if (timer.kind == Timer::Kind::deadline) {
    return step.status == StepStatus::running && is_in_flight(timer.step, timer.attempt) &&
           stopping(timer.step, timer.attempt) == Cause::none;
  }
  if (step.attempts != timer.attempt) return false;
  if (timer.kind == Timer::Kind::retry) return step.status == StepStatus::waiting;
  return step.status == StepStatus::awaiting;
}

void Machine::Impl::fire_timers(Decisions& out) {
  while (!timers.empty() && timers.top().at_us <= now_us) {
    const Timer timer = timers.top();
    timers.pop();
    if (is_current(timer)) fire(timer, out);
  }
}

void Machine::Impl::fire(const Timer& timer, Decisions& out) {
  switch (timer.kind) {
    case Timer::Kind::retry:
      nodes[timer.step].due = true;
      return make_launchable(timer.step);
    case Timer::Kind::deadline:
      return emit(out, {.type = EventType::attempt_stopping,
                        .cause = Cause::timeout,
                        .step = timer.step,
                        .attempt = timer.attempt});
    case Timer::Kind::run:
      return emit(out, {.type = EventType::cancel_requested, .cause = Cause::timeout});
    case Timer::Kind::approval: {
      const bool yes = spec_of(timer.step).approve.approve_after;
      const char* const why = "nobody answered in time";
      return emit(
          out, {.type = yes ? EventType::approval_given : EventType::approval_refused,
                .cause = yes ? Cause::none : Cause::rejected,
                .step = timer.step,
                .data = std::make_shared<const json>(
                    json{{"outputs", {{"by", "timeout"}, {"comment", why}}}, {"message", why}})});
    }
  }
}

void Machine::Impl::schedule_retries(Decisions& out) {
  if (closed()) return;
  for (const std::uint32_t i : std::exchange(to_schedule, {})) {
    if (steps[i].status != StepStatus::waiting || !nodes[i].unscheduled) continue;
    const std::int64_t wait =
        retry_wait_us(spec_of(i).retry.backoff, seed, i, steps[i].attempts - steps[i].hedges);
    emit(out, {.type = EventType::retry_scheduled,
               .cause = steps[i].cause,
               .step = i,
               .attempt = steps[i].attempts,
               .wake_us = now_us + wait});
  }
}

void Machine::Impl::ask_for_resolves(Decisions& out) {
  if (closed()) return;
  const std::uint64_t ahead = std::uint64_t{kResolveAhead} + count(StepStatus::running);
  while (!unresolved.empty() && asked + resolved_ready < ahead) {
    const std::uint32_t i = unresolved.top();
    unresolved.pop();
    if (steps[i].status != StepStatus::ready || nodes[i].resolved || nodes[i].asked) continue;
    nodes[i].asked = true;
    ++asked;
    out.effects.push_back({.kind = Effect::Kind::resolve, .step = i});
  }
}

/// Each may make others ready.
void Machine::Impl::reuse_results(Decisions& out) {
  if (closed()) return;
  while (!to_reuse.empty()) {
    for (const std::uint32_t i : std::exchange(to_reuse, {})) {
      if (steps[i].status != StepStatus::ready) continue;
      emit(out, {.type = EventType::step_cached, .step = i, .data = plan->reuse.at(id(i))});
    }
  }
}

void Machine::Impl::ask_for_approvals(Decisions& out) {
  if (closed()) return;
  for (const std::uint32_t i : std::exchange(to_approve, {})) {
    if (steps[i].status != StepStatus::ready || nodes[i].approved) continue;
    const pipeline::Approval& approve = spec_of(i).approve;
    const std::shared_ptr<const json>& resolved = steps[i].resolved;
    emit(out, {.type = EventType::approval_requested,
               .step = i,
               .wake_us = approve.timeout_us > 0 ? now_us + approve.timeout_us : 0,
               .data = message_data(resolved ? resolved->value("message", approve.message)
                                             : approve.message)});
  }
}

/// Its next attempt, or one beside the one that it has.
bool Machine::Impl::may_start(std::uint32_t step) const {
  const StepStatus at = steps[step].status;
  if (at == StepStatus::running)
    return nodes[step].hedge_wanted && nodes[step].stopping == Cause::none;
  return at == StepStatus::ready || (at == StepStatus::waiting && nodes[step].due);
}

/// Takes away what is no longer to start. False where nothing is left.
bool Machine::Impl::drop_stale(Kind& kind) const {
  for (; !kind.launchable.empty(); kind.launchable.pop()) {
    if (may_start(kind.launchable.top())) return true;
  }
  return false;
}

void Machine::Impl::launch(Decisions& out, Admission& admission) {
  if (closed()) return;
  std::vector<std::uint32_t> passed_over;
  launch(out, admission, passed_over);
  for (const std::uint32_t i : passed_over) make_launchable(i);
}

/// `passed_over`: second attempts that found no room, which others do not wait behind.
void Machine::Impl::launch(Decisions& out, Admission& admission,
                           std::vector<std::uint32_t>& passed_over) {
  const std::uint32_t limit = plan->pipeline->max_parallel;
  std::vector<Kind*> open;
  for (Kind& kind : kinds) open.push_back(&kind);
  while (limit == 0 || in_flight() < limit) {
    std::erase_if(open, [&](Kind* kind) {
      return !drop_stale(*kind) || (kind->limit > 0 && kind->running >= kind->limit);
    });
    if (open.empty()) return;
    const auto first = std::min_element(open.begin(), open.end(), [](Kind* a, Kind* b) {
      return a->launchable.key() < b->launchable.key();
    });
    const std::uint32_t i = (*first)->launchable.top();
    if (nodes[i].hedge_wanted && !admission.has_room(*(*first)->like)) {
      (*first)->launchable.pop();
      passed_over.push_back(i);
      continue;
    }
    if (!admission.take(*(*first)->like)) {
      open.erase(first);
      continue;
    }
    (*first)->launchable.pop();
    const std::uint32_t attempt = steps[i].attempts + 1;
    emit(out, {.type = EventType::attempt_started, .step = i, .attempt = attempt});
    out.effects.push_back({.kind = Effect::Kind::launch, .step = i, .attempt = attempt});
  }
}

/// Also after a replay: the stop that was decided may never have reached the backend.
void Machine::Impl::hand_out_stops(Decisions& out) {
  for (const auto& [i, attempt] : std::exchange(to_stop, {})) {
    if (!is_in_flight(i, attempt) || stopping(i, attempt) == Cause::none) continue;
    out.effects.push_back(
        {.kind = Effect::Kind::stop, .step = i, .attempt = attempt, .cause = stopping(i, attempt)});
  }
}

void Machine::Impl::end_run(Decisions& out) {
  if (!phases_done) return;
  const bool failed = count(StepStatus::failed) > allowed_failures || timed_out;
  if (!failed && !cancelled && !concluded && !plan->pipeline->outputs.empty()) {
    if (!std::exchange(conclude_asked, true)) {
      out.effects.push_back({.kind = Effect::Kind::conclude});
    }
    return;
  }
  RunStatus end = failed || conclusion_failed ? RunStatus::failed : RunStatus::succeeded;
  if (cancelled) end = RunStatus::cancelled;
  if (!beside.empty()) return;
  emit(out, {.type = EventType::run_ended, .status = end, .data = conclusion});
}

std::int64_t Machine::Impl::next_wake() {
  while (!timers.empty() && !is_current(timers.top())) timers.pop();
  return timers.empty() || status != RunStatus::running ? 0 : timers.top().at_us;
}

}  // namespace scanflow::run
