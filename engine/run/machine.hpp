// The state machine of one run: events in, decisions out. Pure: no I/O, no clock, no thread, no
// randomness.
//
// Use: apply() each event that was recorded (live or in replay); decide() then says what follows.
// The caller records every event in Decisions::events (apply() has been called for them already),
// commits them, and only then carries out Decisions::effects.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/pipeline/plan.hpp"
#include "engine/run/event.hpp"

namespace scanflow::run {

enum class StepStatus : std::uint8_t {
  pending,   // waits for what it needs
  ready,     // waits for a slot (or for its expressions)
  awaiting,  // waits for a person's approval
  waiting,   // waits for the time of its next attempt
  expanded,  // its for_each is known: ends with the last of its instances
  running,
  succeeded,
  cached,
  skipped,
  failed,
  cancelled,
};
std::string_view name(StepStatus status);

struct StepState {
  StepStatus status = StepStatus::pending;
  Cause cause = Cause::none;
  std::uint32_t attempts = 0;   // started so far
  std::uint32_t hedges = 0;     // of these: beside another one
  std::uint32_t attempt = 0;    // the current one, or the one that decided how the step ended
  std::int64_t started_us = 0;  // of it
  std::int64_t ended_us = 0;
  std::int64_t first_started_us = 0;
  std::shared_ptr<const json> resolved;  // data of step_resolved
  std::shared_ptr<const json> result;    // data of the event that ended it
};

/// An attempt that was started and has not ended. A step has one, or two of which one began beside the
/// other (a hedge); one that ended by the success of the other may have this one left, until it has
/// ended too.
struct InFlight {
  std::uint32_t attempt = 0;
  std::int64_t started_us = 0;
  Cause stopping = Cause::none;  // why it is to end
  bool hedge = false;            // begun beside another one
};

/// What the caller must do, once the events are committed.
struct Effect {
  enum class Kind : std::uint8_t {
    resolve,   // evaluate `when`, `for_each` or `with`, `env`; look into the cache; answer with
               // step_resolved | expanded | skipped | cached | failed
    launch,    // start the attempt (its attempt_started is among the events)
    stop,      // SIGTERM, grace, SIGKILL; cause says why
    conclude,  // evaluate the pipeline's outputs; answer with run_concluded
  };
  Kind kind;
  std::uint32_t step = kNoStep;
  std::uint32_t attempt = 0;
  Cause cause = Cause::none;
};

struct Decisions {
  std::vector<Event> events;
  std::vector<Effect> effects;
  std::int64_t wake_us =
      0;  // call decide again at this time at the latest; 0: only after the next event
};

/// Limits beyond those of the run itself: slots, the machine's CPUs and memory, pools.
class Admission {
 public:
  virtual ~Admission() = default;
  /// May an attempt of a step like this one start now? If so, it is counted as running; if not, room
  /// may be kept free for it.
  virtual bool take(const pipeline::Step& step) = 0;
  /// Would take() let it start? Changes nothing.
  virtual bool has_room(const pipeline::Step& step) const = 0;
};

/// So many attempts, whatever they are.
class Slots final : public Admission {
 public:
  explicit Slots(std::uint32_t free) : free_(free) {}
  bool take(const pipeline::Step&) override { return free_ > 0 && free_-- > 0; }
  bool has_room(const pipeline::Step&) const override { return free_ > 0; }

 private:
  std::uint32_t free_;
};

/// Attempts in flight of steps that are alike to an Admission.
struct Running {
  const pipeline::Step* like;
  std::uint32_t count;
};

class Machine {
 public:
  /// jitter_seed: per run; the waits of retries are drawn from it by hashing (seed, step, attempt),
  /// so that they are reproducible; they are recorded all the same, and replay reads the record.
  Machine(std::shared_ptr<const pipeline::Plan> plan, std::uint64_t jitter_seed);
  ~Machine();

  /// Changes the state by one recorded fact. Throws std::logic_error for an event that cannot
  /// follow (a broken log): what and at which step. The answer to a `resolve` that comes after its
  /// step was cancelled changes nothing.
  void apply(const Event& event);

  /// Everything that follows now. New attempts as far as `admission` lets them: highest priority
  /// first, then longest critical path, then by index; where one may not start, others that are
  /// unlike it still may. A second attempt that finds no room has none kept free for it. A step that was handed out as `resolve` is not handed out again before
  /// its answer was applied.
  Decisions decide(std::int64_t now_us, Admission& admission);
  Decisions decide(std::int64_t now_us, std::uint32_t slots) {
    Slots admission(slots);
    return decide(now_us, admission);
  }

  /// The cause to record in the attempt_ended of this step's attempt: what the backend reported, or
  /// why it was stopped (timeout, cancelled) where a kill was decided and it did not succeed all
  /// the same. Of one whose step has ended by another attempt always superseded.
  Cause cause_of_end(std::uint32_t step, std::uint32_t attempt, Cause reported) const;

  RunStatus status() const;
  /// What handlers may know of the main steps: running until they are over.
  RunStatus main_status() const;
  const pipeline::Plan& plan() const;
  /// The steps of the plan, and behind them the instances that came with a for_each.
  std::uint32_t size() const;
  /// Lies there as long as the machine lives.
  const pipeline::PlannedStep& planned(std::uint32_t index) const;
  const pipeline::Step& spec_of(std::uint32_t index) const;
  const StepState& step(std::uint32_t index) const;
  /// The step whose for_each an instance came with, or kNoStep; and the instances of such a step:
  /// [first, first + count).
  std::uint32_t group(std::uint32_t index) const;
  std::pair<std::uint32_t, std::uint32_t> instances(std::uint32_t index) const;

  /// The step's attempts in flight, the current one first: none, one or two.
  std::vector<InFlight> in_flight(std::uint32_t index) const;
  bool is_in_flight(std::uint32_t index, std::uint32_t attempt) const;
  /// Why that attempt is to end, or none.
  Cause stopping(std::uint32_t index, std::uint32_t attempt) const;
  /// A second attempt of it was asked for, and waits for its admission.
  bool awaits_hedge(std::uint32_t index) const;
  /// data of run_concluded; null where there is none.
  const std::shared_ptr<const json>& conclusion() const;

  std::uint32_t running() const;  // attempts in flight
  std::vector<Running> running_by_kind() const;
  /// The highest priority among the steps that wait for an admission; nothing where none does.
  std::optional<std::int32_t> wants() const;
  std::uint32_t done() const;  // steps that ended in any way
  std::uint32_t count(StepStatus status) const;
  bool cancelling() const;  // cancel was requested, at any time
  /// "failed: a after 3 attempts (crash); b not started": for people and tests.
  std::string summary() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::run
