// The state of a run, by step index. Private to engine/run.
//
// Two kinds of fields: what follows from the applied events alone (the same live and in replay),
// and what decide() keeps for itself (queues with entries that may be stale, and what was asked
// for).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "engine/run/machine.hpp"

namespace scanflow::run {

inline constexpr std::size_t kPhases = 4;
using pipeline::Phase;

/// Small and beside StepState: what only the machine looks at.
struct StepNode {
  std::uint32_t missing = 0;  // needs that are not done yet
  float path = 0;             // steps on the longest way from here to an end
  Phase phase = Phase::main;
  Cause stopping = Cause::none;    // of the attempt in flight, once its kill was decided
  bool needs_resolve : 1 = false;  // has expressions, or a cache to look into
  bool resolved : 1 = false;
  bool asked : 1 = false;        // resolve was handed out, its answer not applied (decide's own)
  bool unscheduled : 1 = false;  // waits for its retry to be scheduled
  bool due : 1 = false;          // the time of its retry has come (decide's own)
};

struct Timer {
  std::int64_t at_us;
  std::uint32_t step;
  std::uint32_t attempt;
  bool is_retry;  // else the deadline of a running attempt
  bool operator>(const Timer& other) const {
    return at_us != other.at_us ? at_us > other.at_us : step > other.step;
  }
};

/// Steps by critical path, longest first, then by index.
class StepQueue {
 public:
  void push(std::uint32_t step, float path) {
    // Floats of one sign compare like their bits.
    heap_.push(std::uint64_t{~std::bit_cast<std::uint32_t>(path)} << 32 | step);
  }
  bool empty() const { return heap_.empty(); }
  std::uint32_t top() const { return static_cast<std::uint32_t>(heap_.top()); }
  void pop() { heap_.pop(); }

 private:
  std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> heap_;
};

struct Machine::Impl {
  Impl(std::shared_ptr<const pipeline::Plan> plan, std::uint64_t seed);

  // Events (apply.cpp).
  void apply(const Event& event);
  void create();
  void apply_to_step(const Event& event);
  void attempt_started(const Event& event);
  void attempt_ended(const Event& event);
  void end_step(const Event& event, StepStatus status);
  void set_status(std::uint32_t step, StepStatus status);
  void make_ready(std::uint32_t step);
  void advance_phase();
  void enter_phase(Phase next);
  void request_cancel();
  [[noreturn]] void refuse(const Event& event, const std::string& why) const;

  // Decisions (decide.cpp).
  Decisions decide(std::int64_t now_us, std::uint32_t slots);
  void emit(Decisions& out, Event event);
  void cancel_running_and_waiting(Decisions& out);
  void cancel_not_started(Decisions& out, Cause cause, const std::string& message);
  void give_up_what_cannot_start(Decisions& out);
  void skip_handlers(Decisions& out);
  void fire_timers(Decisions& out);
  void schedule_retries(Decisions& out);
  void ask_for_resolves(Decisions& out, std::uint32_t slots);
  void launch(Decisions& out, std::uint32_t slots);
  void hand_out_stops(Decisions& out);
  void end_run(Decisions& out);
  std::int64_t next_wake();
  bool is_current(const Timer& timer) const;

  // Questions.
  std::string summary() const;
  /// Nothing new of the current phase starts any more.
  bool closed() const {
    return cancelling_phase || (phase == Phase::main && first_failed[0] != kNoStep);
  }
  std::uint32_t count(StepStatus of) const { return counts[static_cast<std::size_t>(of)]; }
  std::uint32_t& remaining_of(Phase p) { return remaining[static_cast<std::size_t>(p)]; }
  const std::string& id(std::uint32_t step) const { return plan->steps[step].id; }

  const std::shared_ptr<const pipeline::Plan> plan;
  const std::uint64_t seed;

  // From events alone.
  RunStatus status = RunStatus::running;
  bool created = false;
  bool cancelled = false;         // cancel was requested, at any time
  bool cancelling_phase = false;  // ... in the current phase
  Phase phase = Phase::main;
  bool phases_done = false;
  std::array<bool, kPhases> not_applicable{};      // handlers whose outcome did not come
  std::array<std::uint32_t, kPhases> remaining{};  // steps that have not ended
  std::array<std::uint32_t, kPhases> first_failed{kNoStep, kNoStep, kNoStep, kNoStep};
  std::array<std::uint32_t, 9> counts{};                     // by StepStatus
  std::array<std::vector<std::uint32_t>, kPhases> handlers;  // [0] stays empty
  std::vector<StepState> steps;
  std::vector<StepNode> nodes;

  // decide's own; entries are checked against the state when they are taken.
  std::int64_t now_us = 0;
  bool sweep_cancelled = false;
  StepQueue launchable, unresolved;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers;
  std::vector<std::uint32_t> to_schedule, to_stop;
  std::uint32_t asked = 0;           // resolves whose answer was not applied
  std::uint32_t resolved_ready = 0;  // resolved, waiting for a slot
};

}  // namespace scanflow::run
