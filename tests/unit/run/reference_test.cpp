// The state machine decides what the reference decides, whatever happens, in thousands of graphs.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/random_plan.hpp"
#include "tests/support/reference_run.hpp"

namespace scanflow::run {
namespace {

using support::ReferenceRun;
using support::World;

/// A world, and beside it the reference, which is told the same.
class Pair {
 public:
  Pair(std::shared_ptr<const pipeline::Plan> plan, std::uint32_t slots)
      : plan_(std::move(plan)),
        slots_(slots),
        world_(std::make_unique<World>(plan_, slots)),
        reference_(plan_) {
    reference_.take(world_->events().front());
    seen_ = 1;
    compare();
  }

  World& world() { return *world_; }
  const std::map<EventType, int>& decided() const { return decided_; }

  /// False where the run has ended.
  bool go_on(std::mt19937& random, bool may_go_wrong) {
    const auto chance = random() % 40;
    if (world_->machine().status() != RunStatus::running) return false;
    if (chance == 0) {
      crash(1 + random() % 4);
    } else if (chance == 1) {
      world_->set_slots(slots_ = 1 + random() % 4);
    } else if (!support::happen(*world_, random, may_go_wrong)) {
      return false;
    }
    compare();
    return true;
  }

 private:
  void crash(std::uint32_t slots) {
    slots_ = slots;
    world_ = std::make_unique<World>(plan_, slots, world_->events(), world_->now_us());
    reference_.crash();
    asked_.clear();
    stops_ = 0;
  }

  void compare() {
    const auto& events = world_->events();
    if (world_->last_input() >= seen_) reference_.take(events[seen_++]);
    std::vector<std::string> machine;
    auto in_flight = static_cast<std::uint32_t>(world_->in_flight().size());
    for (; seen_ < events.size(); ++seen_) {
      const Event& event = events[seen_];
      ++decided_[event.type];
      if (event.type == EventType::attempt_started) --in_flight;
      machine.push_back(
          ReferenceRun::line(event, event.step == kNoStep ? "" : world_->id(event.step)));
    }
    for (const std::uint32_t step : world_->asked()) {
      if (std::count(asked_.begin(), asked_.end(), step) == 0) {
        machine.push_back("resolve " + world_->id(step));
      }
    }
    asked_ = world_->asked();
    const std::string stops = world_->stops();
    std::istringstream words(stops.substr(stops_));
    for (std::string word; words >> word;) machine.push_back("stop " + word);
    stops_ = stops.size();
    std::sort(machine.begin(), machine.end());

    const std::uint32_t free = slots_ > in_flight ? slots_ - in_flight : 0;
    ASSERT_EQ(machine, reference_.decide(world_->now_us(), free));
    const std::int64_t wake = world_->next_wake().count();
    ASSERT_EQ(wake == 0 ? 0 : world_->now_us() + wake, reference_.wake_us());
  }

  std::shared_ptr<const pipeline::Plan> plan_;
  std::uint32_t slots_;
  std::unique_ptr<World> world_;
  ReferenceRun reference_;
  std::size_t seen_ = 0;
  std::vector<std::uint32_t> asked_;
  std::size_t stops_ = 0;
  std::map<EventType, int> decided_;
};

TEST(Reference, DecidesTheSame) {
  constexpr int kGraphs = 4000;
  std::mt19937 random(20261124);
  std::map<EventType, int> decided;
  int superseded = 0;
  for (int round = 0; round < kGraphs && !testing::Test::HasFailure(); ++round) {
    Pair pair(support::random_plan(random), 1 + random() % 4);
    for (int i = 0; !testing::Test::HasFailure() && pair.go_on(random, round % 4 != 0); ++i) {
      ASSERT_LT(i, 10'000) << "does not end";
    }
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << "graph " << round << ": " << pair.world().history();
    }
    for (const auto& [type, count] : pair.decided()) decided[type] += count;
    for (const Event& event : pair.world().events())
      superseded += event.type == EventType::attempt_ended && event.cause == Cause::superseded;
  }
  EXPECT_GT(superseded, 100);
  // All that can be decided was, and often.
  for (const EventType type :
       {EventType::attempt_started, EventType::attempt_stopping, EventType::step_cancelled,
        EventType::step_skipped, EventType::retry_scheduled, EventType::approval_requested,
        EventType::approval_given, EventType::approval_refused, EventType::cancel_requested,
        EventType::run_ended}) {
    EXPECT_GT(decided[type], 100) << name(type);
  }
}

}  // namespace
}  // namespace scanflow::run
