// The state of a run, by step index. Private to engine/run.
//
// Two kinds of fields: what follows from the applied events alone (the same live and in replay),
// and what decide() keeps for itself (queues with entries that may be stale, and what was asked
// for).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/run/machine.hpp"

namespace scanflow::run {

inline constexpr std::size_t kPhases = 4;
inline constexpr std::size_t kStepStatuses = static_cast<std::size_t>(StepStatus::cancelled) + 1;
using pipeline::Phase;

/// Small and beside StepState: what only the machine looks at.
struct StepNode {
  std::uint32_t missing = 0;      // needs that are not done yet; of an expanded one its instances
  std::uint32_t path = 0;         // steps on the longest way from here to an end
  std::uint32_t group = kNoStep;  // whose instance it is
  std::uint32_t kind = 0;         // index into kinds
  std::int16_t priority = 0;      // as the step says: -100 to 100
  Phase phase = Phase::main;
  Cause stopping = Cause::none;    // of the current attempt, once its kill was decided
  bool needs_resolve : 1 = false;  // has expressions, a for_each, or a cache to look into
  bool resolved : 1 = false;
  bool asked : 1 = false;         // resolve was handed out, its answer not applied (decide's own)
  bool approved : 1 = false;      // or no approval is wanted
  bool unscheduled : 1 = false;   // waits for its retry to be scheduled
  bool due : 1 = false;           // the time of its retry has come (decide's own)
  bool hedge_wanted : 1 = false;  // a second attempt was asked for, and has not begun
  bool is_hedge : 1 = false;      // the current attempt began beside another one
};

/// The instances of an expanded step, behind the steps of the plan.
struct Group {
  std::uint32_t first = 0, count = 0;
  bool failed = false, cancelled = false, succeeded = false;  // some of them
  Cause cause = Cause::none;                                  // of the first that failed
};

struct Timer {
  enum class Kind : std::uint8_t { deadline, retry, approval, run };
  std::int64_t at_us;
  std::uint32_t step;
  std::uint32_t attempt;
  Kind kind;
  bool operator>(const Timer& other) const {
    return at_us != other.at_us ? at_us > other.at_us : step > other.step;
  }
};

/// Steps by priority, then by critical path, longest first, then by index.
class StepQueue {
 public:
  void push(std::uint32_t step, std::int32_t priority, std::uint32_t path) {
    constexpr std::uint64_t kMiddle = 0x7f, kLongest = 0xffffff;
    const std::uint64_t urgency = kMiddle - static_cast<std::uint64_t>(std::int64_t{priority});
    const std::uint64_t shortness = kLongest - std::min<std::uint64_t>(path, kLongest);
    heap_.push(urgency << 56 | shortness << 32 | step);
  }
  bool empty() const { return heap_.empty(); }
  std::uint32_t top() const { return static_cast<std::uint32_t>(heap_.top()); }
  std::uint64_t key() const { return heap_.top(); }  // smaller: first
  void pop() { heap_.pop(); }

 private:
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> heap_;
};

/// Steps that are alike to every limit: where one may not start, neither may another.
struct Kind {
  const pipeline::Step* like = nullptr;
  std::uint32_t limit = 0;  // of their instances at once (then they are of one step); 0: none
  std::uint32_t running = 0;
  StepQueue launchable;
};

struct Machine::Impl {
  Impl(std::shared_ptr<const pipeline::Plan> plan, std::uint64_t seed);
  std::uint32_t kind_like(const pipeline::Step& spec);

  // Events (apply.cpp).
  void apply(const Event& event);
  void create(const Event& event);
  void start(const Event& event);
  void apply_to_step(const Event& event);
  void resolved(const Event& event);
  void expanded(const Event& event);
  void approved(const Event& event);
  void attempt_started(const Event& event);
  void attempt_ended(const Event& event);
  void leave_to_other(const Event& event);
  void succeed_first(const Event& event);
  void end_step(const Event& event, StepStatus status);
  void end_instance(std::uint32_t group, const Event& event, StepStatus status);
  void set_status(std::uint32_t step, StepStatus status);
  void make_ready(std::uint32_t step);
  void make_launchable(std::uint32_t step);
  void advance_phase();
  void enter_phase(Phase next);
  void request_cancel(const Event& event);
  void conclude(const Event& event);
  [[noreturn]] void refuse(const Event& event, const std::string& why) const;

  // Decisions (decide.cpp).
  Decisions decide(std::int64_t now_us, Admission& admission);
  void emit(Decisions& out, Event event);
  void supersede(Decisions& out);
  void fail_fast(Decisions& out);
  void cancel_running_and_waiting(Decisions& out);
  void cancel_not_started(Decisions& out, Cause cause, const std::string& message);
  void give_up_what_cannot_start(Decisions& out);
  void skip_handlers(Decisions& out);
  void fire_timers(Decisions& out);
  void fire(const Timer& timer, Decisions& out);
  void schedule_retries(Decisions& out);
  void ask_for_resolves(Decisions& out);
  void ask_for_approvals(Decisions& out);
  void reuse_results(Decisions& out);
  void launch(Decisions& out, Admission& admission);
  void launch(Decisions& out, Admission& admission, std::vector<std::uint32_t>& passed_over);
  void hand_out_stops(Decisions& out);
  void end_run(Decisions& out);
  std::int64_t next_wake();
  bool is_current(const Timer& timer) const;
  bool may_start(std::uint32_t step) const;
  bool drop_stale(Kind& kind) const;

  // Questions.
  std::string summary() const;
  /// Nothing new of the current phase starts any more.
  bool closed() const {
    return cancelling_phase || (phase == Phase::main && first_failed[0] != kNoStep);
  }
  /// The main steps did not all come to a good end.
  bool main_failed() const { return first_failed[0] != kNoStep || timed_out; }
  std::uint32_t count(StepStatus of) const { return counts[static_cast<std::size_t>(of)]; }
  std::uint32_t& remaining_of(Phase p) { return remaining[static_cast<std::size_t>(p)]; }
  const pipeline::PlannedStep& planned(std::uint32_t step) const {
    const std::size_t own = plan->steps.size();
    return step < own ? plan->steps[step] : added[step - own];
  }
  const std::string& id(std::uint32_t step) const { return planned(step).id; }
  const pipeline::Step& spec_of(std::uint32_t step) const {
    return plan->pipeline->steps[planned(step).spec];
  }
  /// Null: it is not in flight. In flight beside the current one, or left of a step that has ended.
  const InFlight* beside_of(std::uint32_t step) const {
    const auto found = beside.find(step);
    return found == beside.end() ? nullptr : &found->second;
  }
  std::uint32_t in_flight() const {
    return count(StepStatus::running) + static_cast<std::uint32_t>(beside.size());
  }
  Cause stopping(std::uint32_t step, std::uint32_t attempt) const {
    const InFlight* other = beside_of(step);
    return other != nullptr && other->attempt == attempt ? other->stopping : nodes[step].stopping;
  }
  bool is_in_flight(std::uint32_t step, std::uint32_t attempt) const {
    const InFlight* other = beside_of(step);
    return (other != nullptr && other->attempt == attempt) ||
           (steps[step].status == StepStatus::running && steps[step].attempt == attempt);
  }
  Kind& kind_of(std::uint32_t step) { return kinds[nodes[step].kind]; }
  bool is_group(std::uint32_t step) const { return groups.contains(step); }

  const std::shared_ptr<const pipeline::Plan> plan;
  const std::uint64_t seed;

  // From events alone.
  RunStatus status = RunStatus::running;
  bool created = false;
  bool cancelled = false;         // a person's request, at any time
  bool timed_out = false;         // the run's timeout came
  bool cancelling_phase = false;  // something ends the current phase: the cause of that
  Cause cancel_cause = Cause::none;
  Phase phase = Phase::main;
  bool phases_done = false;
  bool concluded = false;  // or there is nothing to conclude
  bool conclusion_failed = false;
  std::shared_ptr<const json> conclusion;
  std::array<bool, kPhases> not_applicable{};      // handlers whose outcome did not come
  std::array<std::uint32_t, kPhases> remaining{};  // steps that have not ended
  std::array<std::uint32_t, kPhases> first_failed{kNoStep, kNoStep, kNoStep, kNoStep};
  std::array<std::uint32_t, kStepStatuses> counts{};         // by StepStatus
  std::uint32_t allowed_failures = 0;                        // of counts[failed]
  std::array<std::vector<std::uint32_t>, kPhases> handlers;  // [0] stays empty
  std::vector<StepState> steps;
  std::vector<StepNode> nodes;
  // Instances of expanded steps, behind the plan's; where they lie they stay.
  std::deque<pipeline::PlannedStep> added;
  std::unordered_map<std::uint32_t, Group> groups;
  std::unordered_map<std::uint32_t, InFlight> beside;  // second attempts, by step

  // decide's own; entries are checked against the state when they are taken.
  std::int64_t now_us = 0;
  bool sweep_cancelled = false;
  bool conclude_asked = false;
  std::vector<Kind> kinds;
  StepQueue unresolved;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers;
  std::vector<std::uint32_t> to_schedule, to_approve, to_reuse, to_supersede;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> to_stop;  // steps and their attempts
  std::uint32_t asked = 0;           // resolves whose answer was not applied
  std::uint32_t resolved_ready = 0;  // resolved, waiting for a slot
};

}  // namespace scanflow::run
