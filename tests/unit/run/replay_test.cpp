// The events alone give the state; what was going on goes on from there.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/support/world.hpp"

namespace scanflow::run {
namespace {

using namespace std::chrono_literals;
using support::Def;
using support::describe;
using support::Phase;
using support::World;

pipeline::Approval random_approval(std::mt19937& random) {
  pipeline::Approval approval{.wanted = true};
  if (random() % 2 == 0) approval.timeout_us = 5'000'000;
  approval.approve_after = random() % 2 == 0;
  return approval;
}

std::shared_ptr<const pipeline::Plan> random_plan(std::mt19937& random) {
  std::vector<Def> steps;
  const int main = 1 + static_cast<int>(random() % 12);
  const int handlers = static_cast<int>(random() % 5);
  for (int i = 0; i < main + handlers; ++i) {
    Def step("s" + std::to_string(i));
    const int first = i < main ? 0 : main;
    if (i >= main) step.phase(static_cast<Phase>(1 + random() % 3));
    std::vector<std::string> needs;
    for (int j = first; j < i; ++j) {
      const bool same_phase = steps[j].spec().phase == step.spec().phase;
      if (same_phase && random() % 4 == 0) needs.push_back("s" + std::to_string(j));
    }
    step.needs(needs);
    if (random() % 3 == 0) step.when("${{ x }}");
    if (random() % 3 == 0) step.retry(random() % 3);
    if (random() % 4 == 0) step.timeout(2s);
    if (random() % 6 == 0) step.spec().for_each = "${{ x }}";
    if (random() % 6 == 0) step.spec().max_parallel = 1 + random() % 2;
    if (random() % 6 == 0) step.spec().allow_failure = true;
    if (random() % 4 == 0) step.spec().priority = static_cast<std::int32_t>(random() % 3) - 1;
    if (random() % 6 == 0) step.spec().approve = random_approval(random);
    steps.push_back(step);
  }
  const auto plan = support::plan_of(steps, random() % 3);
  auto pipeline = std::make_shared<pipeline::Pipeline>(*plan->pipeline);
  pipeline->fail_fast = random() % 4 == 0;
  if (random() % 4 == 0) pipeline->timeout_us = 20'000'000;
  auto changed = std::make_shared<pipeline::Plan>(*plan);
  changed->pipeline = std::move(pipeline);
  return changed;
}

/// One thing that may happen next in this world. False where the run has ended.
bool happen(World& world, std::mt19937& random, bool may_go_wrong) {
  if (world.machine().status() != RunStatus::running) return false;
  const auto& running = world.in_flight();
  const auto& asked = world.asked();
  const std::size_t choices = running.size() + asked.size();
  const bool wrong = may_go_wrong && random() % 4 == 0;
  std::string awaiting = world.awaiting();
  awaiting = awaiting.substr(0, awaiting.find(' '));
  if (may_go_wrong && random() % 40 == 0) {
    world.cancel();
  } else if (!awaiting.empty() && (choices == 0 || random() % 5 == 0)) {
    wrong ? world.reject(awaiting) : world.approve(awaiting);
  } else if (choices == 0 || (random() % 5 == 0 && world.next_wake() > 0us)) {
    if (world.next_wake() <= 0us) {
      ADD_FAILURE() << "stuck: " << world.status() << "\n" << world.history();
      return false;
    }
    world.advance(world.next_wake());
  } else if (const std::size_t pick = random() % choices; pick < running.size()) {
    const std::string step = world.id(running[pick]);
    static constexpr Cause kCauses[] = {Cause::crash, Cause::error, Cause::oom, Cause::cancelled};
    wrong ? world.fail(step, kCauses[random() % 4], "why") : world.succeed(step, {{"x", 1}});
  } else {
    const std::string step = world.id(asked[pick - running.size()]);
    const auto answer = random() % 6;
    const std::uint32_t index = world.index(step);
    const bool whole = world.machine().group(index) == kNoStep;
    const bool expands = whole && !world.machine().spec_of(index).for_each.is_null();
    if (wrong && answer == 0) {
      world.fail_to_resolve(step);
    } else if (answer == 1) {
      world.skip(step);
    } else if (expands) {
      world.expand(step, json(std::vector<int>(1 + random() % 3, 7)));
    } else if (answer == 2) {
      world.cached(step);
    } else {
      world.resolve(step, {{"with", {{"n", 1}}}});
    }
  }
  return true;
}

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
  Event back = from_json(json::parse(to_text(event, id)));
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
