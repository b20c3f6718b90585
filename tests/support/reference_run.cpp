#include "tests/support/reference_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace scanflow::support {

using run::Event;
using run::EventType;

ReferenceRun::ReferenceRun(std::shared_ptr<const pipeline::Plan> plan) : plan_(std::move(plan)) {
  for (std::uint32_t i = 0; i < plan_->steps.size(); ++i) {
    Step step{.id = plan_->steps[i].id, .spec = &plan_->pipeline->steps[plan_->steps[i].spec]};
    for (const graph::Node need : plan_->graph.needs(i)) step.needs.push_back(need);
    step.approved = !step.spec->approve.wanted;
    steps_.push_back(std::move(step));
  }
  // As often as the longest way is long.
  for (bool again = true; again;) {
    again = false;
    for (Step& step : steps_) {
      for (const std::size_t need : step.needs) {
        if (steps_[need].longest >= step.longest + 1) continue;
        steps_[need].longest = step.longest + 1;
        again = true;
      }
    }
  }
}

bool ReferenceRun::good(const Step& step) const {
  return step.end == End::succeeded || step.end == End::cached || step.end == End::skipped ||
         (step.end == End::failed && step.spec->allow_failure);
}

bool ReferenceRun::bad(const Step& step) const {
  return step.end == End::failed && !step.spec->allow_failure;
}

bool ReferenceRun::over(Phase phase) const {
  return std::all_of(steps_.begin(), steps_.end(), [&](const Step& step) {
    return step.spec->phase != phase || step.at == At::ended;
  });
}

bool ReferenceRun::any_bad_in_main() const {
  return std::any_of(steps_.begin(), steps_.end(), [&](const Step& step) {
    return step.spec->phase == Phase::main && bad(step);
  });
}

std::optional<pipeline::Phase> ReferenceRun::phase() const {
  if (!over(Phase::main)) return Phase::main;
  for (const Phase phase : {Phase::on_success, Phase::on_failure, Phase::on_exit}) {
    if (!over(phase)) return phase;
  }
  return std::nullopt;
}

bool ReferenceRun::cancelling() const {
  const auto now = phase();
  return now && cancelled_phases_.count(*now) > 0;
}

bool ReferenceRun::closed() const {
  return cancelling() || (phase() == Phase::main && any_bad_in_main());
}

bool ReferenceRun::has_expressions(const Step& step) const {
  return step.whole || !step.spec->when.empty() || !step.spec->for_each.is_null();
}

bool ReferenceRun::ready(const Step& step) const {
  return step.at == At::open && phase() == step.spec->phase &&
         std::all_of(step.needs.begin(), step.needs.end(),
                     [&](std::size_t need) { return good(steps_[need]); });
}

bool ReferenceRun::launchable(const Step& step) const {
  if (step.at == At::running) {
    return step.hedge_wanted && step.flights.size() == 1 && step.flights[0].stopping == Cause::none;
  }
  if (step.at == At::waiting) return step.retry_us && *step.retry_us <= now_us_;
  return ready(step) && step.approved && (step.resolved || !has_expressions(step));
}

std::size_t ReferenceRun::running() const {
  return static_cast<std::size_t>(std::count_if(
      steps_.begin(), steps_.end(), [](const Step& step) { return step.at == At::running; }));
}

std::size_t ReferenceRun::running_of(const pipeline::Step* spec) const {
  std::size_t all = 0;
  for (const Step& step : steps_) all += step.spec == spec ? step.flights.size() : 0;
  return all;
}

std::size_t ReferenceRun::in_flight() const {
  std::size_t all = 0;
  for (const Step& step : steps_) all += step.flights.size();
  return all;
}

void ReferenceRun::take(const Event& event) {
  now_us_ = event.time_us;
  if (event.type == EventType::run_created) {
    created_us_ = event.time_us;
    return;
  }
  if (event.type == EventType::cancel_requested) return decided(event);
  Step& step = steps_.at(event.step);
  const bool late = step.at == At::ended;  // cancelled while its expressions were evaluated
  step.asked = false;
  switch (event.type) {
    case EventType::step_resolved:
      step.resolved = true;
      return;
    case EventType::step_expanded:
      if (late) return;
      step.at = At::expanded;
      for (std::size_t i = 0; i < (*event.data)["items"].size(); ++i) {
        Step instance{.id = fmt::format("{}[{}]", steps_[event.step].id, i),
                      .spec = steps_[event.step].spec};
        instance.longest = steps_[event.step].longest;
        instance.whole = event.step;
        instance.approved = !instance.spec->approve.wanted;
        steps_[event.step].instances.push_back(steps_.size());
        steps_.push_back(std::move(instance));
      }
      return;
    case EventType::step_skipped:
      return late ? void() : end(event.step, End::skipped);
    case EventType::step_cached:
      return late ? void() : end(event.step, End::cached);
    case EventType::step_failed:
      return late ? void() : end(event.step, End::failed);
    case EventType::approval_given:
      step.approved = true;
      step.at = At::open;
      return;
    case EventType::approval_refused:
      return end(event.step, End::failed);
    case EventType::hedge_requested:
      step.hedge_wanted = true;
      return;
    case EventType::attempt_ended: {
      const auto flight =
          std::find_if(step.flights.begin(), step.flights.end(),
                       [&](const Flight& each) { return each.attempt == event.attempt; });
      const Cause stopping = flight->stopping;
      step.flights.erase(flight);
      if (step.at == At::ended) return;  // by another attempt
      if (event.cause != Cause::none && !step.flights.empty()) return;
      step.hedge_wanted = false;
      const auto& retry = step.spec->retry;
      const bool stopped = stopping == Cause::cancelled || stopping == Cause::upstream;
      const bool again = step.attempts - step.hedges <= retry.limit && !closed() &&
                         std::count(retry.on.begin(), retry.on.end(), event.cause) > 0;
      if (event.cause == Cause::none) return end(event.step, End::succeeded);
      if (stopped) return end(event.step, End::cancelled);
      if (!again) return end(event.step, End::failed);
      step.at = At::waiting;
      step.failed = event.cause;
      step.retry_us.reset();
      return;
    }
    default:
      throw std::logic_error(fmt::format("{} does not come from outside", name(event.type)));
  }
}

void ReferenceRun::crash() {
  for (Step& step : steps_) {
    step.asked = false;
    for (Flight& each : step.flights) each.stop_asked = false;
  }
}

void ReferenceRun::end(std::size_t index, End how) {
  Step& step = steps_[index];
  step.at = At::ended;
  step.end = how;
  if (!step.whole) return;
  Step& whole = steps_[*step.whole];
  const auto some = [&](End end) {
    return std::any_of(whole.instances.begin(), whole.instances.end(),
                       [&](std::size_t i) { return steps_[i].end == end; });
  };
  if (some(End::none)) return;
  end(*step.whole, some(End::failed)      ? End::failed
                   : some(End::cancelled) ? End::cancelled
                                          : End::succeeded);
}

std::string ReferenceRun::line(const Event& event, const std::string& id) {
  std::string text = fmt::format("{} {}", name(event.type), id);
  if (event.attempt > 0) text += fmt::format(" #{}", event.attempt);
  if (event.cause != Cause::none) text += fmt::format(" ({})", pipeline::name(event.cause));
  if (event.wake_us > 0) text += fmt::format(" until {}", event.wake_us);
  if (event.type == EventType::run_ended) text += std::string(name(event.status));
  return text;
}

void ReferenceRun::decided(const Event& event) {
  if (event.type == EventType::cancel_requested) {
    cancel_cause_ = event.cause == Cause::none ? Cause::cancelled : event.cause;
    cancelled_ = cancelled_ || cancel_cause_ == Cause::cancelled;
    timed_out_ = timed_out_ || cancel_cause_ == Cause::timeout;
    if (const auto now = phase()) cancelled_phases_.insert(*now);
    main_cancelled_ = main_cancelled_ || (cancelled_ && phase() == Phase::main);
  }
  said_.push_back(line(event, event.step == run::kNoStep ? "" : steps_[event.step].id));
}

std::vector<std::string> ReferenceRun::decide(std::int64_t now_us, std::uint32_t free) {
  now_us_ = now_us;
  free_ = free;
  said_.clear();
  while (!ended_ &&
         (a_handler_is_skipped() || a_timer_fires() || the_run_fails_fast() ||
          something_is_superseded() || something_is_stopped() || something_is_cancelled() ||
          something_is_given_up() || a_retry_is_scheduled() || an_expression_is_asked_for() ||
          an_approval_is_asked_for() || an_attempt_starts() || a_stop_is_handed_out() ||
          the_run_ends())) {
  }
  std::sort(said_.begin(), said_.end());
  return said_;
}

/// The earliest; of two at one time that of the step that comes first, and the run's own last.
bool ReferenceRun::a_timer_fires() {
  std::optional<std::int64_t> first;
  std::uint32_t whose = run::kNoStep;
  const auto due = [&](std::int64_t at_us, std::uint32_t step) {
    if (at_us > now_us_ || (first && *first <= at_us)) return;
    first = at_us;
    whose = step;
  };
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    if (step.at == At::awaiting && step.answer_us) due(*step.answer_us, i);
    for (const Flight& each : step.flights) {
      if (step.at == At::running && step.spec->timeout_us > 0 && each.stopping == Cause::none)
        due(each.started_us + step.spec->timeout_us, i);
    }
  }
  const std::int64_t limit = plan_->pipeline->timeout_us;
  if (limit > 0 && phase() == Phase::main && !cancelling()) due(created_us_ + limit, run::kNoStep);
  if (!first) return false;
  if (whose == run::kNoStep) {
    decided({.type = EventType::cancel_requested, .cause = Cause::timeout});
  } else if (Step& step = steps_[whose]; step.at == At::running) {
    const auto late =
        std::find_if(step.flights.begin(), step.flights.end(), [&](const Flight& each) {
          return each.stopping == Cause::none && each.started_us + step.spec->timeout_us == *first;
        });
    stop(whose, *late, Cause::timeout);
  } else if (step.spec->approve.approve_after) {
    step.approved = true;
    step.at = At::open;
    decided({.type = EventType::approval_given, .step = whose});
  } else {
    end(whose, End::failed);
    decided({.type = EventType::approval_refused, .cause = Cause::rejected, .step = whose});
  }
  return true;
}

bool ReferenceRun::the_run_fails_fast() {
  if (!plan_->pipeline->fail_fast || phase() != Phase::main || cancelling()) return false;
  if (!any_bad_in_main() || running() == 0) return false;
  decided({.type = EventType::cancel_requested, .cause = Cause::upstream});
  return true;
}

bool ReferenceRun::something_is_stopped() {
  if (!cancelling()) return false;
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    if (step.at != At::running) continue;
    for (Flight& each : step.flights) {
      if (each.stopping != Cause::none) continue;
      stop(i, each, cancel_cause_);
      return true;
    }
  }
  return false;
}

bool ReferenceRun::something_is_superseded() {
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].at != At::ended) continue;
    for (Flight& each : steps_[i].flights) {
      if (each.stopping != Cause::none) continue;
      stop(i, each, Cause::superseded);
      return true;
    }
  }
  return false;
}

void ReferenceRun::stop(std::size_t step, Flight& flight, Cause cause) {
  flight.stopping = cause;
  decided({.type = EventType::attempt_stopping,
           .cause = cause,
           .step = static_cast<std::uint32_t>(step),
           .attempt = flight.attempt});
}

bool ReferenceRun::something_is_cancelled() {
  if (!cancelling()) return false;
  const auto now = phase();
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    if (step.spec->phase != now || step.at >= At::expanded) continue;
    end(i, End::cancelled);
    decided({.type = EventType::step_cancelled, .cause = cancel_cause_, .step = i});
    return true;
  }
  return false;
}

/// After a failure: what cannot start any more, once nothing runs. Handlers do not stop each other.
bool ReferenceRun::something_is_given_up() {
  const auto now = phase();
  if (!now || running() > 0) return false;
  const bool some_can_go_on = std::any_of(steps_.begin(), steps_.end(), [&](const Step& step) {
    return ready(step) || step.at == At::awaiting || step.at == At::waiting;
  });
  if (*now == Phase::main ? !closed() : some_can_go_on) return false;
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    if (steps_[i].spec->phase != *now || steps_[i].at >= At::expanded) continue;
    end(i, End::cancelled);
    decided({.type = EventType::step_cancelled, .cause = Cause::upstream, .step = i});
    return true;
  }
  return false;
}

bool ReferenceRun::a_handler_is_skipped() {
  if (!over(Phase::main)) return false;
  const bool failed = any_bad_in_main() || timed_out_;
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    const Phase its = steps_[i].spec->phase;
    const bool applies = its == Phase::on_exit || its == Phase::main ||
                         (!main_cancelled_ && failed == (its == Phase::on_failure));
    if (applies || steps_[i].at == At::ended) continue;
    end(i, End::skipped);
    decided({.type = EventType::step_skipped, .step = i});
    return true;
  }
  return false;
}

bool ReferenceRun::a_retry_is_scheduled() {
  if (closed()) return false;
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    if (step.at != At::waiting || step.retry_us) continue;
    const auto& backoff = step.spec->retry.backoff;
    double wait = static_cast<double>(backoff.initial_us);
    for (std::uint32_t k = 1; k < step.attempts - step.hedges; ++k) wait *= backoff.factor;
    wait = std::min(wait, static_cast<double>(backoff.max_us));
    step.retry_us = now_us_ + static_cast<std::int64_t>(wait);
    decided({.type = EventType::retry_scheduled,
             .cause = step.failed,
             .step = i,
             .attempt = step.attempts,
             .wake_us = *step.retry_us});
    return true;
  }
  return false;
}

bool ReferenceRun::an_expression_is_asked_for() {
  if (closed()) return false;
  for (Step& step : steps_) {
    if (!ready(step) || !has_expressions(step) || step.resolved || step.asked) continue;
    step.asked = true;
    said_.push_back("resolve " + step.id);
    return true;
  }
  return false;
}

bool ReferenceRun::an_approval_is_asked_for() {
  if (closed()) return false;
  for (std::uint32_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    if (!ready(step) || step.approved || (has_expressions(step) && !step.resolved)) continue;
    step.at = At::awaiting;
    const std::int64_t timeout = step.spec->approve.timeout_us;
    if (timeout > 0) step.answer_us = now_us_ + timeout;
    decided(
        {.type = EventType::approval_requested, .step = i, .wake_us = step.answer_us.value_or(0)});
    return true;
  }
  return false;
}

/// Highest priority first, then the longest way to an end, then the order of the file.
bool ReferenceRun::an_attempt_starts() {
  const std::uint32_t limit = plan_->pipeline->max_parallel;
  if (closed() || free_ == 0 || (limit > 0 && in_flight() >= limit)) return false;
  Step* first = nullptr;
  for (Step& step : steps_) {
    const std::uint32_t own_limit = step.spec->max_parallel;
    if (!launchable(step) || (own_limit > 0 && running_of(step.spec) >= own_limit)) continue;
    if (first == nullptr || step.spec->priority > first->spec->priority ||
        (step.spec->priority == first->spec->priority && step.longest > first->longest)) {
      first = &step;
    }
  }
  if (first == nullptr) return false;
  --free_;
  if (first->at == At::running) ++first->hedges;
  first->at = At::running;
  first->hedge_wanted = false;
  first->retry_us.reset();
  first->flights.push_back({++first->attempts, now_us_});
  decided({.type = EventType::attempt_started,
           .step = static_cast<std::uint32_t>(first - steps_.data()),
           .attempt = first->attempts});
  return true;
}

bool ReferenceRun::a_stop_is_handed_out() {
  for (Step& step : steps_) {
    for (Flight& each : step.flights) {
      if (each.stopping == Cause::none || each.stop_asked) continue;
      each.stop_asked = true;
      const std::string number = step.hedges > 0 ? fmt::format("#{}", each.attempt) : "";
      said_.push_back(fmt::format("stop {}{}({})", step.id, number, pipeline::name(each.stopping)));
      return true;
    }
  }
  return false;
}

bool ReferenceRun::the_run_ends() {
  if (phase() || in_flight() > 0) return false;
  ended_ = true;
  const bool failed = timed_out_ || std::any_of(steps_.begin(), steps_.end(),
                                                [&](const Step& step) { return bad(step); });
  decided({.type = EventType::run_ended,
           .status = cancelled_ ? run::RunStatus::cancelled
                     : failed   ? run::RunStatus::failed
                                : run::RunStatus::succeeded});
  return true;
}

std::int64_t ReferenceRun::wake_us() const {
  std::vector<std::int64_t> times;
  for (const Step& step : steps_) {
    if (step.at == At::awaiting && step.answer_us) times.push_back(*step.answer_us);
    if (step.at == At::waiting && step.retry_us && *step.retry_us > now_us_) {
      times.push_back(*step.retry_us);
    }
    for (const Flight& each : step.flights) {
      if (step.at == At::running && step.spec->timeout_us > 0 && each.stopping == Cause::none)
        times.push_back(each.started_us + step.spec->timeout_us);
    }
  }
  const std::int64_t limit = plan_->pipeline->timeout_us;
  if (limit > 0 && phase() == Phase::main && !cancelling()) times.push_back(created_us_ + limit);
  return times.empty() || ended_ ? 0 : *std::min_element(times.begin(), times.end());
}

}  // namespace scanflow::support
