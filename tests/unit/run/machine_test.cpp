// Scheduling, retries, timeouts, expressions.
#include "engine/run/machine.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>

#include "tests/support/world.hpp"

namespace scanflow::run {
namespace {

using namespace std::chrono_literals;
using support::Def;
using support::World;

TEST(Schedule, StartsWhatNeedsNothingAndThenWhatNeedsIt) {
  World world(R"(
    steps:
      - {name: a, uses: noop}
      - {name: b, uses: noop}
      - {name: c, uses: noop, needs: [a, b]}
  )");
  EXPECT_EQ(world.running(), "a b");
  EXPECT_EQ(world.succeed("a").running(), "b");
  EXPECT_EQ(world.succeed("b").running(), "c");
  EXPECT_EQ(world.status(), "running: 2 of 3 done, 1 running");
  EXPECT_EQ(world.succeed("c").status(), "succeeded: 3 steps");
  EXPECT_EQ(world.history(),
            "run_created; attempt_started a; attempt_started b; attempt_ended a; attempt_ended b; "
            "attempt_started c; attempt_ended c; run_ended");
}

TEST(Schedule, LongestCriticalPathFirstThenByIndex) {
  World world(R"(
    steps:
      - {name: short, uses: noop}
      - {name: long, uses: noop}
      - {name: other, uses: noop}
      - {name: next, uses: noop, needs: [long]}
      - {name: last, uses: noop, needs: [next]}
  )",
              1);
  EXPECT_EQ(world.running(), "long");
  EXPECT_EQ(world.succeed("long").running(), "next");
  EXPECT_EQ(world.succeed("next").running(), "short");
  EXPECT_EQ(world.succeed("short").running(), "other");
  EXPECT_EQ(world.succeed("other").running(), "last");
}

TEST(Schedule, MaxParallelOfThePipelineHolds) {
  World world(R"(
    max_parallel: 2
    steps:
      - {name: a, uses: noop}
      - {name: b, uses: noop}
      - {name: c, uses: noop}
  )");
  EXPECT_EQ(world.running(), "a b");
  EXPECT_EQ(world.succeed("a").running(), "b c");
}

TEST(Schedule, InstancesOfAMatrixRunSideBySideAndAreNeededTogether) {
  World world(R"(
    steps:
      - {name: train, uses: noop, matrix: {model: [cnn1, cnn2]}}
      - {name: pick, uses: noop, needs: [train]}
  )");
  EXPECT_EQ(world.running(), "train[model=cnn1] train[model=cnn2]");
  EXPECT_EQ(world.succeed("train[model=cnn2]").running(), "train[model=cnn1]");
  EXPECT_EQ(world.succeed("train[model=cnn1]").running(), "pick");
}

TEST(Schedule, NoSlotsNoStarts) {
  World world(R"(
    steps:
      - {name: a, uses: noop}
      - {name: b, uses: noop}
  )",
              0);
  EXPECT_EQ(world.running(), "");
  EXPECT_EQ(world.set_slots(1).running(), "a");
  EXPECT_EQ(world.set_slots(2).running(), "a b");
}

TEST(Schedule, ARunOfNothingSucceedsAtOnce) {
  EXPECT_EQ(World(std::vector<Def>{}).status(), "succeeded: 0 steps");
}

TEST(Retry, BacksOffAndStopsAtTheLimit) {
  World world(R"(
    steps:
      - {name: a, uses: noop, retry: {limit: 2, backoff: {initial: 1s, factor: 2}}}
      - {name: b, uses: noop, needs: [a]}
  )");
  world.fail("a", Cause::crash);
  EXPECT_EQ(world.status("a"), "waiting (crash)");
  EXPECT_EQ(world.next_wake(), 1s);
  EXPECT_EQ(world.advance(999ms).running(), "");
  EXPECT_EQ(world.advance(1ms).running(), "a#2");
  world.fail("a", Cause::crash);
  EXPECT_EQ(world.next_wake(), 2s);
  world.advance(2s).fail("a", Cause::crash);
  EXPECT_EQ(world.status(), "failed: a after 3 attempts (crash); b not started");
  EXPECT_EQ(world.status("b"), "cancelled (upstream)");
  EXPECT_EQ((*world.state("b").result)["message"], "not started: a failed");
}

TEST(Retry, NotForOtherCauses) {
  World world(R"(
    steps:
      - {name: a, uses: noop, retry: {limit: 2}}
  )");
  EXPECT_EQ(world.fail("a", Cause::config).status(), "failed: a (config)");
}

TEST(Retry, SuccessAfterAFailureIsASuccess) {
  World world(R"(
    steps:
      - {name: a, uses: noop, retry: {limit: 1}}
  )");
  world.fail("a", Cause::oom, "out of memory").advance(1s).succeed("a", {{"x", 1}});
  EXPECT_EQ(world.status(), "succeeded: 1 step");
  EXPECT_EQ(world.status("a"), "succeeded");
  EXPECT_EQ(world.state("a").attempts, 2u);
  EXPECT_EQ((*world.state("a").result)["outputs"]["x"], 1);
  EXPECT_EQ(world.state("a").started_us - world.state("a").first_started_us, 1'000'000);
}

TEST(Retry, DueOneWaitsForASlot) {
  World world(R"(
    steps:
      - {name: a, uses: noop, retry: {limit: 1, backoff: {initial: 1s, factor: 2}}}
      - {name: b, uses: noop}
      - {name: c, uses: noop}
  )",
              1);
  world.fail("a", Cause::crash);
  EXPECT_EQ(world.running(), "b");
  EXPECT_EQ(world.advance(1s).running(), "b");
  EXPECT_EQ(world.next_wake(), 0s) << "time alone changes nothing any more";
  EXPECT_EQ(world.succeed("b").running(), "a#2");
}

TEST(Failure, RunningOnesFinishAndNothingNewStarts) {
  World world(R"(
    steps:
      - {name: a, uses: noop}
      - {name: b, uses: noop}
      - {name: c, uses: noop, needs: [b]}
  )");
  world.fail("a", Cause::error);
  EXPECT_EQ(world.running(), "b");
  EXPECT_EQ(world.stops(), "");
  world.succeed("b");
  EXPECT_EQ(world.status(), "failed: a (error); c not started");
}

TEST(Failure, ARunningOneThatFailsThenIsNotRetried) {
  World world(R"(
    steps:
      - {name: a, uses: noop}
      - {name: b, uses: noop, retry: {limit: 5}}
  )");
  world.fail("a", Cause::error).fail("b", Cause::crash);
  EXPECT_EQ(world.status(), "failed: a (error), b (crash)");
}

TEST(Failure, AStepThatWaitsForItsRetryIsGivenUp) {
  World world(R"(
    steps:
      - {name: a, uses: noop}
      - {name: b, uses: noop, retry: {limit: 5}}
  )");
  world.fail("b", Cause::crash).fail("a", Cause::error);
  EXPECT_EQ(world.status(), "failed: a (error); b given up");
  EXPECT_EQ(world.status("b"), "cancelled (upstream)");
  EXPECT_EQ((*world.state("b").result)["message"], "given up before its next attempt: a failed");
}

TEST(Failure, OfAStepThatSaysCancelledUnasked) {
  World world(R"(
    steps:
      - {name: a, uses: noop}
  )");
  EXPECT_EQ(world.fail("a", Cause::cancelled).status(), "failed: a (cancelled)");
}

TEST(Timeout, StopsTheAttemptAndIsItsCause) {
  World world(R"(
    steps:
      - {name: a, uses: noop, timeout: 10s}
  )");
  EXPECT_EQ(world.next_wake(), 10s);
  EXPECT_EQ(world.advance(9s).stops(), "");
  EXPECT_EQ(world.advance(1s).stops(), "a(timeout)");
  EXPECT_EQ(world.next_wake(), 0s);
  EXPECT_EQ(world.advance(60s).stops(), "a(timeout)") << "asked once";
  EXPECT_EQ(world.fail("a", Cause::crash, "SIGTERM").status(), "failed: a (timeout)");
  EXPECT_EQ(world.events().back().type, EventType::run_ended);
}

TEST(Timeout, SuccessThatWonTheRaceStays) {
  World world(R"(
    steps:
      - {name: a, uses: noop, timeout: 10s}
  )");
  EXPECT_EQ(world.advance(10s).succeed("a").status(), "succeeded: 1 step");
}

TEST(Timeout, IsRetriedAndCountsFromTheNewStart) {
  World world(R"(
    steps:
      - {name: a, uses: noop, timeout: 10s, retry: {limit: 1, backoff: {initial: 1s, factor: 2}}}
  )");
  world.advance(10s).fail("a", Cause::exit);
  EXPECT_EQ(world.status("a"), "waiting (timeout)");
  EXPECT_EQ(world.advance(1s).running(), "a#2");
  EXPECT_EQ(world.next_wake(), 10s);
  EXPECT_EQ(world.fail("a", Cause::crash).status("a"), "failed (crash)")
      << "the stop of attempt 1 says nothing about attempt 2";
}

TEST(Resolve, ComesBeforeTheStartAndTakesNoSlot) {
  World world(R"(
    steps:
      - {name: a, uses: noop, when: "${{ true }}"}
      - {name: b, uses: noop}
  )",
              1);
  EXPECT_EQ(world.resolving(), "a");
  EXPECT_EQ(world.running(), "b");
  world.resolve("a", {{"with", {{"x", 1}}}});
  EXPECT_EQ(world.running(), "b");
  EXPECT_EQ(world.status("a"), "ready");
  EXPECT_EQ(world.succeed("b").running(), "a");
  EXPECT_EQ((*world.state("a").resolved)["with"]["x"], 1);
}

TEST(Resolve, IsNeededForExpressionsAndCachesOnly) {
  Def with("with"), env("env"), plain_env("plain_env"), cache("cache");
  with.spec().with_is_dynamic = true;
  env.spec().env["A"] = "${{ params.x }}";
  plain_env.spec().env["A"] = "$HOME";
  cache.spec().cache.enabled = true;
  World world({with, env, plain_env, cache, Def("plain")});
  EXPECT_EQ(world.resolving(), "with env cache");
  EXPECT_EQ(world.running(), "plain_env plain");
}

TEST(Resolve, SkippedAndCachedCountAsDone) {
  World world(
      {Def("a").when("${{ false }}"), Def("b").when("${{ true }}"), Def("c").needs({"a", "b"})});
  EXPECT_EQ(world.skip("a").running(), "");
  EXPECT_EQ(world.cached("b").running(), "c");
  EXPECT_EQ(world.succeed("c").status(), "succeeded: 3 steps, 1 cached, 1 skipped");
}

TEST(Resolve, ItsFailureFailsTheStepWithoutAnAttempt) {
  World world(R"(
    steps:
      - {name: a, uses: noop, when: "${{ true }}"}
      - {name: b, uses: noop, needs: [a]}
  )");
  world.fail_to_resolve("a");
  EXPECT_EQ(world.status(), "failed: a (config); b not started");
  EXPECT_EQ(world.state("a").attempts, 0u);
}

TEST(Resolve, IsNotDoneAgainForARetry) {
  World world(R"(
    steps:
      - {name: a, uses: noop, when: "${{ true }}", retry: {limit: 1, backoff: {initial: 1s, factor: 2}}}
  )");
  world.resolve("a").fail("a", Cause::crash).advance(1s);
  EXPECT_EQ(world.resolving(), "");
  EXPECT_EQ(world.running(), "a#2");
}

TEST(Resolve, AnAnswerAfterTheStepWasGivenUpIsIgnored) {
  World world(R"(
    steps:
      - {name: a, uses: noop}
      - {name: b, uses: noop, when: "${{ true }}"}
    on_exit:
      - {name: c, uses: noop}
  )");
  world.fail("a", Cause::error);
  EXPECT_EQ(world.status("b"), "cancelled (upstream)");
  world.resolve("b");
  EXPECT_EQ(world.status("b"), "cancelled (upstream)");
  EXPECT_EQ(world.running(), "c");
}

TEST(Resolve, IsAskedForAWindowAheadOfTheSlots) {
  std::vector<Def> steps;
  for (int i = 0; i < 2000; ++i) steps.push_back(Def("s" + std::to_string(i)).when("${{ x }}"));
  World world(steps, 2);
  const std::size_t window = world.asked().size();
  EXPECT_GE(window, 100u);
  EXPECT_LE(window, 300u);
  world.resolve("s0").resolve("s1").resolve("s2");
  EXPECT_EQ(world.running(), "s0 s1");
  EXPECT_LE(world.asked().size(), 300u);
  // Skipped ones take no slot, so that all of them pass.
  for (int i = 3; i < 2000; ++i) world.skip("s" + std::to_string(i));
  EXPECT_EQ(world.status(), "running: 1997 of 2000 done, 2 running");
}

TEST(Apply, RefusesWhatCannotFollow) {
  Machine machine(support::plan_of({Def("a"), Def("b").needs({"a"})}), 1);
  const auto refusal = [&](const Event& event) -> std::string {
    try {
      machine.apply(event);
    } catch (const std::logic_error& error) {
      return error.what();
    }
    return "taken";
  };
  EXPECT_EQ(refusal({.type = EventType::attempt_started, .step = 0, .attempt = 1}),
            "attempt_started of step a, attempt 1 cannot follow: the run was not created");
  EXPECT_EQ(refusal({.type = EventType::run_created}), "taken");
  EXPECT_EQ(refusal({.type = EventType::run_created}),
            "run_created cannot follow: the run was created already");
  EXPECT_EQ(
      refusal({.type = EventType::attempt_started, .step = 1, .attempt = 1}),
      "attempt_started of step b, attempt 1 cannot follow: it is not its turn (it is pending)");
  EXPECT_EQ(refusal({.type = EventType::attempt_started, .step = 0, .attempt = 2}),
            "attempt_started of step a, attempt 2 cannot follow: the attempt before is missing");
  EXPECT_EQ(
      refusal({.type = EventType::attempt_ended, .step = 0, .attempt = 1}),
      "attempt_ended of step a, attempt 1 cannot follow: that attempt is not in flight (it is "
      "ready)");
  EXPECT_EQ(refusal({.type = EventType::step_resolved, .step = 0}),
            "step_resolved of step a cannot follow: nothing of it is to resolve (it is ready)");
  EXPECT_EQ(refusal({.type = EventType::step_skipped, .step = 7}),
            "step_skipped cannot follow: there is no step 7 among 2");
  EXPECT_EQ(refusal({.type = EventType::run_ended}),
            "run_ended cannot follow: there are steps that have not ended");
}

}  // namespace
}  // namespace scanflow::run
