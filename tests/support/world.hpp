// A run in a fake world: no processes, no store, and a clock that is moved by hand. Checks on the
// way that no step starts before its time, twice at once, or beyond the limits.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/run/machine.hpp"
#include "tests/support/plans.hpp"

namespace scanflow::support {

using nlohmann::json;
using pipeline::Cause;
using pipeline::Phase;
using std::chrono::microseconds;

class World {
 public:
  static constexpr std::uint32_t kManySlots = 1'000'000;

  /// The run is created, and what can start at once has started. `yaml`: see plan_of.
  explicit World(const char* yaml, std::uint32_t slots = kManySlots)
      : World(plan_of(std::string(yaml)), slots) {}
  explicit World(const std::vector<Def>& steps, std::uint32_t slots = kManySlots)
      : World(plan_of(steps), slots) {}
  explicit World(std::shared_ptr<const pipeline::Plan> plan, std::uint32_t slots = kManySlots,
                 run::RunStatus at_first = run::RunStatus::running);
  /// What an engine finds after a crash: the events that were committed, replayed. Attempts in
  /// flight go on.
  World(std::shared_ptr<const pipeline::Plan> plan, std::uint32_t slots,
        const std::vector<run::Event>& committed, std::int64_t now_us);

  // What the backend and the evaluator answer. Each is followed by decide().
  /// `attempt`: of two in flight; 0: the current one.
  World& succeed(const std::string& step, json outputs = nullptr, std::uint32_t attempt = 0);
  World& fail(const std::string& step, Cause cause, std::string message = "",
              std::uint32_t attempt = 0);
  /// Somebody asks for a second attempt beside the one in flight.
  World& hedge(const std::string& step);
  World& resolve(const std::string& step, json data = json::object());
  World& expand(const std::string& step, json items);
  World& approve(const std::string& step, const std::string& by = "ada");
  World& reject(const std::string& step, const std::string& by = "ada");
  World& start();  // of a queued run
  World& conclude(Cause cause = Cause::none);
  bool concluding() const { return concluding_; }
  World& skip(const std::string& step);
  World& cached(const std::string& step);
  World& fail_to_resolve(const std::string& step, Cause cause = Cause::config);
  World& cancel();
  World& advance(microseconds time);
  World& set_slots(std::uint32_t slots);

  // What can be seen.
  /// Attempts in flight, in the order of their start: "a b#2" (the number where not the first).
  std::string running() const;
  /// Steps whose expressions are being evaluated, in the order they were asked for.
  std::string resolving() const;
  /// Steps that wait for a person.
  std::string awaiting() const;
  /// Stops that were asked for so far: "a(timeout) b(cancelled)"; "a#2(superseded)" of steps that have had two at once.
  std::string stops() const;
  /// From now; zero where nothing is to come.
  microseconds next_wake() const;
  std::string status() const { return machine_->summary(); }
  std::string status(const std::string& step) const;
  /// All events so far, one line: "attempt_started a; attempt_ended a;".
  std::string history(std::size_t from = 0) const;

  const run::Machine& machine() const { return *machine_; }
  const run::StepState& state(const std::string& step) const;
  const std::vector<run::Event>& events() const { return events_; }
  /// Which of them came last from outside; the others were decided.
  std::size_t last_input() const { return last_input_; }
  std::int64_t now_us() const { return now_us_; }
  std::uint32_t index(const std::string& step) const;
  struct Flight {
    std::uint32_t step, attempt;
    bool operator==(const Flight&) const = default;
  };
  /// Attempts in flight, and steps that are asked about.
  const std::vector<Flight>& in_flight() const { return running_; }
  const std::vector<std::uint32_t>& asked() const { return resolving_; }
  const std::string& id(std::uint32_t step) const { return machine_->planned(step).id; }

 private:
  void know_instances();
  void feed(run::EventType type, std::uint32_t step, Cause cause = Cause::none, json data = nullptr,
            std::uint32_t attempt = 0);
  void decide();
  void check_start(std::uint32_t step) const;
  void check_retry(const run::Effect& launch) const;
  void check_winner(const run::Event& end) const;

  std::shared_ptr<const pipeline::Plan> plan_;
  std::map<std::string, std::uint32_t> index_;
  std::unique_ptr<run::Machine> machine_;
  std::uint32_t slots_;
  std::int64_t now_us_ = 1'000'000'000;
  std::int64_t wake_us_ = 0;
  std::vector<run::Event> events_;
  std::size_t last_input_ = 0;
  std::vector<Flight> running_;
  std::vector<std::uint32_t> resolving_;
  std::vector<std::string> stops_;
  bool concluding_ = false;
};

/// Everything that can be seen of a machine, to compare a replayed one with the original.
std::string describe(const run::Machine& machine);

}  // namespace scanflow::support
