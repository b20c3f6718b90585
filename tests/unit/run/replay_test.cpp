// The events alone give the state; what was going on goes on from there.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/support/random_plan.hpp"

namespace scanflow::run {
namespace {

using namespace std::chrono_literals;
using support::Def;
using support::describe;
using support::happen;
using support::random_plan;
using support::World;

/// What could be seen after so many events.
using Snapshots = std::map<std::size_t, std::string>;

void run_to_the_end(World& world, std::mt19937& random, bool may_go_wrong,
                    Snapshots* snapshots = nullptr) {
  for (int i = 0; happen(world, random, may_go_wrong); ++i) {
    if (snapshots) (*snapshots)[world.events().size()] = describe(world.machine());
    ASSERT_LT(i, 10'000) << "does not end: " << world.history();
  }
  EXPECT_EQ(world.machine().done(), world.machine().size());
}

/// As the store gives it back.
Event through_text(const Event& event, const World& world) {
  const std::string id = event.step == kNoStep ? "" : world.id(event.step);
  std::string text;
  append_text(event, id, text);
  Event back = from_json(json::parse(text));
  back.step = event.step;
  return back;
}

TEST(Replay, OfEveryPrefixGivesTheStateAndGoesOnToAnEnd) {
  std::mt19937 random(20240229);
  int succeeded = 0, failed = 0, cancelled = 0;
  for (int round = 0; round < 400 && !testing::Test::HasFailure(); ++round) {
    const auto plan = random_plan(random);
    World world(plan, 1 + random() % 4);
    Snapshots live;
    run_to_the_end(world, random, round % 4 != 0, &live);
    succeeded += world.machine().status() == RunStatus::succeeded;
    failed += world.machine().status() == RunStatus::failed;
    cancelled += world.machine().status() == RunStatus::cancelled;

    std::vector<Event> log;
    for (const Event& event : world.events()) {
      log.push_back(through_text(event, world));
      SCOPED_TRACE(testing::Message() << "round " << round << ", prefix of " << log.size() << " of "
                                      << world.history());
      Machine replayed(plan, 42);
      for (const Event& recorded : log) replayed.apply(recorded);
      if (const auto seen = live.find(log.size()); seen != live.end()) {
        ASSERT_EQ(describe(replayed), seen->second);
      }
      World revived(plan, 2, log, world.now_us() + 1);
      run_to_the_end(revived, random, false);
    }
  }
  EXPECT_GT(succeeded, 50);
  EXPECT_GT(failed, 50);
  EXPECT_GT(cancelled, 20);
}

TEST(Replay, AsksAgainForUnansweredResolvesAndNotForAttemptsInFlight) {
  World world({Def("a"), Def("b").when("${{ true }}"), Def("c").when("${{ true }}")}, 1);
  world.resolve("c");
  ASSERT_EQ(world.running(), "a");
  World revived(
      support::plan_of({Def("a"), Def("b").when("${{ true }}"), Def("c").when("${{ true }}")}), 1,
      world.events(), world.now_us());
  EXPECT_EQ(revived.resolving(), "b");
  EXPECT_EQ(revived.running(), "a");
  EXPECT_EQ(revived.history(world.events().size()), "") << "nothing new was decided";
  EXPECT_EQ(revived.succeed("a").running(), "c");
}

TEST(Replay, ReadsTheRecordedWaitOfARetry) {
  const std::vector<Def> steps{Def("a").retry(1, 10s)};
  World world(steps);
  world.fail("a", Cause::crash);
  std::vector<Event> log = world.events();
  ASSERT_EQ(log.back().type, EventType::retry_scheduled);
  log.back().wake_us = world.now_us() + 3'000'000;
  World revived(support::plan_of(steps), 1, log, world.now_us());
  EXPECT_EQ(revived.next_wake(), 3s);
}

TEST(Replay, AsksAgainForAStopThatMayNotHaveArrived) {
  const std::vector<Def> steps{Def("a").timeout(1s)};
  World world(steps);
  world.advance(1s);
  World revived(support::plan_of(steps), 1, world.events(), world.now_us());
  EXPECT_EQ(revived.stops(), "a(timeout)");
  EXPECT_EQ(revived.fail("a", Cause::crash).status(), "failed: a (timeout)");
}

TEST(Replay, ADeadlineThatPassedWhileTheEngineWasAwayIsKept) {
  const std::vector<Def> steps{Def("a").timeout(1s)};
  World world(steps);
  World revived(support::plan_of(steps), 1, world.events(), world.now_us() + 5'000'000);
  EXPECT_EQ(revived.stops(), "a(timeout)");
}

TEST(Replay, ALostAttemptIsRetriedAsAnyOther) {
  const std::vector<Def> steps{Def("a").retry(1, 1s)};
  World world(steps);
  World revived(support::plan_of(steps), 1, world.events(), world.now_us());
  revived.fail("a", Cause::lost).advance(1s);
  EXPECT_EQ(revived.running(), "a#2");
}

}  // namespace
}  // namespace scanflow::run
