// What changes a run's course: approvals, allowed failures, fail_fast, a run's timeout, the queue.
#include <gtest/gtest.h>

#include "tests/support/world.hpp"

namespace scanflow::run {
namespace {

using namespace std::chrono_literals;
using support::plan_of;
using support::World;

TEST(Approval, WaitsForAPersonAndThenGoesOn) {
  World world(R"(
    steps:
      - {name: gate, approve: "go on?"}
      - {name: after, uses: noop, needs: [gate]}
  )",
              1);
  EXPECT_EQ(world.awaiting(), "gate");
  EXPECT_EQ(world.next_wake(), 0us) << "for ever";
  EXPECT_EQ(world.status(), "running: 0 of 2 done, 0 running, 1 to approve");
  EXPECT_EQ(world.approve("gate").running(), "after");
  EXPECT_EQ(world.succeed("after").status(), "succeeded: 2 steps");
  EXPECT_EQ(world.history(),
            "run_created; approval_requested gate; approval_given gate; attempt_started after; "
            "attempt_ended after; run_ended");
}

TEST(Approval, OfAStepThatDoesSomethingComesBeforeItsFirstAttempt) {
  World world(R"(
    steps:
      - {name: deploy, uses: noop, approve: true, retry: 1, when: "${{ params.x }}"}
    params: {x: {type: bool, default: true}}
  )");
  EXPECT_EQ(world.resolving(), "deploy");
  EXPECT_EQ(world.resolve("deploy").awaiting(), "deploy") << "asked only if it is to run";
  EXPECT_EQ(world.approve("deploy").running(), "deploy");
  world.fail("deploy", Cause::crash).advance(world.next_wake());
  EXPECT_EQ(world.running(), "deploy#2") << "asked once";
}

TEST(Approval, RefusedFailsTheStep) {
  World world("steps: [{name: gate, approve: true}, {name: after, uses: noop, needs: [gate]}]");
  world.reject("gate");
  EXPECT_EQ(world.status("gate"), "failed (rejected)");
  EXPECT_EQ(world.status(), "failed: gate (rejected); after not started");
}

TEST(Approval, TheTimeoutRejectsUnlessItApproves) {
  World rejects("steps: [{name: gate, approve: {timeout: 1h}}]");
  EXPECT_EQ(rejects.next_wake(), 1h);
  EXPECT_EQ(rejects.advance(1h).status("gate"), "failed (rejected)");
  EXPECT_EQ(rejects.state("gate").result->at("outputs").at("by"), "timeout");
  World approves("steps: [{name: gate, approve: {timeout: 1h, default: approve}}]");
  EXPECT_EQ(approves.advance(1h).status(), "succeeded: 1 step");
}

TEST(Approval, ItsDeadlineSurvivesARestart) {
  const auto plan = plan_of("steps: [{name: gate, approve: {timeout: 1h}}]");
  World before(plan);
  World after(plan, 1, before.events(), before.now_us() + 600'000'000);
  EXPECT_EQ(after.awaiting(), "gate");
  EXPECT_EQ(after.next_wake(), 50min);
}

TEST(Approval, IsGivenUpWhenSomethingElseFailsOrTheRunIsCancelled) {
  const char* const yaml = "steps: [{name: gate, approve: true}, {name: work, uses: noop}]";
  World failed(yaml);
  failed.fail("work", Cause::error);
  EXPECT_EQ(failed.status(), "failed: work (error); gate not started");
  World cancelled(yaml);
  cancelled.cancel().fail("work", Cause::cancelled);
  EXPECT_EQ(cancelled.status(), "cancelled: work stopped; gate not started");
}

TEST(Approval, NobodyElseCanAnswer) {
  World world("steps: [{name: gate, approve: true}, {name: work, uses: noop}]");
  EXPECT_THROW(world.approve("work"), std::logic_error);
  world.approve("gate");
  EXPECT_THROW(world.reject("gate"), std::logic_error);
}

TEST(AllowFailure, TheRunGoesOnAndSucceeds) {
  World world(R"(
    steps:
      - {name: lint, uses: noop, allow_failure: true}
      - {name: after, uses: noop, needs: [lint]}
      - {name: other, uses: noop}
  )");
  world.fail("lint", Cause::exit);
  EXPECT_EQ(world.running(), "other after");
  world.succeed("after").succeed("other");
  EXPECT_EQ(world.status(), "succeeded: 3 steps, 1 failed as they may");
}

TEST(AllowFailure, AnotherFailureStillCounts) {
  World world(R"(
    steps:
      - {name: lint, uses: noop, allow_failure: true}
      - {name: work, uses: noop}
    on_failure: [{name: tell, uses: noop}]
  )");
  world.fail("lint", Cause::exit).fail("work", Cause::oom).succeed("tell");
  EXPECT_EQ(world.status(), "failed: work (oom)");
}

TEST(FailFast, StopsWhatRuns) {
  World world(R"(
    fail_fast: true
    steps: [{name: a, uses: noop}, {name: b, uses: noop}, {name: c, uses: noop, needs: [b]}]
    on_failure: [{name: tell, uses: noop}]
  )");
  world.fail("a", Cause::error);
  EXPECT_EQ(world.stops(), "b(upstream)");
  EXPECT_EQ(world.status("c"), "cancelled (upstream)");
  world.fail("b", Cause::error);
  EXPECT_EQ(world.status("b"), "cancelled (upstream)");
  EXPECT_EQ(world.running(), "tell");
  EXPECT_EQ(world.succeed("tell").status(), "failed: a (error); b given up; c not started");
}

TEST(FailFast, WithoutItTheyFinish) {
  World world("steps: [{name: a, uses: noop}, {name: b, uses: noop}]");
  EXPECT_EQ(world.fail("a", Cause::error).stops(), "");
}

TEST(RunTimeout, StopsTheMainStepsAndFailsTheRun) {
  World world(R"(
    timeout: 1m
    steps: [{name: a, uses: noop, retry: 3}, {name: b, uses: noop, needs: [a]}]
    on_failure: [{name: tell, uses: noop}]
    on_success: [{name: cheer, uses: noop}]
  )");
  EXPECT_EQ(world.next_wake(), 1min);
  world.advance(1min);
  EXPECT_EQ(world.stops(), "a(timeout)");
  world.fail("a", Cause::cancelled);
  EXPECT_EQ(world.status("a"), "failed (timeout)");
  EXPECT_EQ(world.running(), "tell");
  world.advance(1h);
  EXPECT_EQ(world.running(), "tell") << "handlers have timeouts of their own";
  EXPECT_EQ(world.succeed("tell").status(),
            "failed: its timeout was over; a (timeout); b not started");
}

TEST(RunTimeout, OfARunThatOnlyWaited) {
  World world("timeout: 1m\nsteps: [{name: gate, approve: true}]");
  EXPECT_EQ(world.advance(1min).status(), "failed: its timeout was over; gate not started");
}

TEST(RunTimeout, IsNotAskedAgainAfterARestart) {
  const auto plan = plan_of("timeout: 1m\nsteps: [{name: a, uses: noop}]");
  World before(plan);
  before.advance(2min);
  World after(plan, 1, before.events(), before.now_us() + 1);
  EXPECT_EQ(after.stops(), "a(timeout)");
  EXPECT_EQ(
      after.fail("a", Cause::error).history(),
      "run_created; attempt_started a; cancel_requested; attempt_stopping a; attempt_ended a; "
      "run_ended");
}

constexpr const char* kOutputs = R"(
  steps: [{name: a, uses: noop}]
  outputs: {x: "${{ steps.a.outputs.x }}"}
)";

TEST(Outputs, AreConcludedWhenAllIsDone) {
  World world(kOutputs);
  EXPECT_FALSE(world.concluding());
  EXPECT_TRUE(world.succeed("a").concluding());
  EXPECT_EQ(world.status(), "running: 1 of 1 done, 0 running");
  EXPECT_EQ(world.conclude().status(), "succeeded: 1 step");
  EXPECT_EQ(world.machine().conclusion()->at("outputs").at("x"), 1);
}

TEST(Outputs, ThatCannotBeHadFailTheRun) {
  EXPECT_EQ(World(kOutputs).succeed("a").conclude(Cause::config).status(),
            "failed: its outputs (config)");
}

TEST(Outputs, OfARunThatFailedOrWasCancelledAreNotAskedFor) {
  EXPECT_EQ(World(kOutputs).fail("a", Cause::error).status(), "failed: a (error)");
  World cancelled(kOutputs);
  EXPECT_TRUE(cancelled.succeed("a").concluding());
  EXPECT_EQ(cancelled.cancel().status(), "cancelled");
}

TEST(Outputs, AreAskedForAgainAfterARestart) {
  const auto plan = plan_of(kOutputs);
  World before(plan);
  before.succeed("a");
  World after(plan, 1, before.events(), before.now_us());
  EXPECT_EQ(after.conclude().status(), "succeeded: 1 step");
}

TEST(Queue, NothingStartsBeforeItsTurn) {
  World world(plan_of("timeout: 1m\nsteps: [{name: a, uses: noop}]"), World::kManySlots,
              RunStatus::queued);
  EXPECT_EQ(world.status(), "queued: 1 step");
  EXPECT_EQ(world.running(), "");
  EXPECT_EQ(world.next_wake(), 0us) << "its time has not begun";
  world.advance(1h).start();
  EXPECT_EQ(world.running(), "a");
  EXPECT_EQ(world.next_wake(), 1min);
  EXPECT_EQ(world.succeed("a").status(), "succeeded: 1 step");
}

TEST(Queue, CancelledBeforeItsTurnItNeverStarts) {
  World world(plan_of("steps: [{name: a, uses: noop}]\non_exit: [{name: end, uses: noop}]"),
              World::kManySlots, RunStatus::queued);
  world.cancel();
  EXPECT_EQ(world.running(), "end");
  EXPECT_EQ(world.succeed("end").status(), "cancelled: a not started");
}

}  // namespace
}  // namespace scanflow::run
