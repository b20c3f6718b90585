// Handlers and cancellation.
#include <gtest/gtest.h>

#include <chrono>

#include "tests/support/world.hpp"

namespace scanflow::run {
namespace {

using namespace std::chrono_literals;
using support::World;

constexpr const char* kWithHandlers = R"(
    steps:
      - {name: a, uses: noop}
      - {name: b, uses: noop, needs: [a]}
    on_success:
      - {name: cheer, uses: noop}
    on_failure:
      - {name: alarm, uses: noop}
    on_exit:
      - {name: report, uses: noop}
)";

TEST(Handlers, OnSuccessThenOnExit) {
  World world(kWithHandlers);
  world.succeed("a").succeed("b");
  EXPECT_EQ(world.running(), "cheer");
  EXPECT_EQ(world.status("alarm"), "skipped");
  EXPECT_EQ((*world.state("alarm").result)["message"],
            "on_failure does not apply: the run succeeded");
  EXPECT_EQ(world.succeed("cheer").running(), "report");
  EXPECT_EQ(world.succeed("report").status(), "succeeded: 5 steps, 1 skipped");
}

TEST(Handlers, OnFailureThenOnExit) {
  World world(kWithHandlers);
  world.fail("a", Cause::error);
  EXPECT_EQ(world.running(), "alarm");
  EXPECT_EQ(world.status("b"), "cancelled (upstream)");
  EXPECT_EQ(world.status("cheer"), "skipped");
  EXPECT_EQ(world.succeed("alarm").running(), "report");
  EXPECT_EQ(world.succeed("report").status(), "failed: a (error); b not started");
}

TEST(Handlers, RunInParallelSubjectToTheirNeeds) {
  World world(R"(
    steps:
      - {name: a, uses: noop}
    on_exit:
      - {name: x, uses: noop}
      - {name: y, uses: noop}
      - {name: z, uses: noop, needs: [x]}
  )");
  world.succeed("a");
  EXPECT_EQ(world.running(), "x y");
  EXPECT_EQ(world.succeed("x").running(), "y z");
}

TEST(Handlers, AFailedOneFailsTheRunAndStopsOnlyWhatNeedsIt) {
  World world(R"(
    steps:
      - {name: a, uses: noop}
    on_exit:
      - {name: x, uses: noop}
      - {name: y, uses: noop}
      - {name: z, uses: noop, needs: [x]}
      - {name: w, uses: noop, needs: [y]}
  )");
  world.succeed("a").fail("x", Cause::crash);
  EXPECT_EQ(world.succeed("y").running(), "w");
  EXPECT_EQ(world.succeed("w").status(), "failed: handler x (crash); handler z not started");
  EXPECT_EQ((*world.state("z").result)["message"], "not started: x failed");
}

TEST(Handlers, OnExitRunsAfterAFailedHandler) {
  World world(kWithHandlers);
  world.succeed("a").succeed("b").fail("cheer", Cause::exit);
  EXPECT_EQ(world.status("alarm"), "skipped") << "main succeeded";
  EXPECT_EQ(world.running(), "report");
  EXPECT_EQ(world.succeed("report").status(), "failed: handler cheer (exit)");
}

TEST(Handlers, AreRetried) {
  World world(R"(
    steps:
      - {name: a, uses: noop}
    on_exit:
      - {name: x, uses: noop, retry: {limit: 1, backoff: {initial: 1s, factor: 2}}}
  )");
  world.fail("a", Cause::error).fail("x", Cause::crash);
  EXPECT_EQ(world.advance(1s).running(), "x#2");
  EXPECT_EQ(world.succeed("x").status(), "failed: a (error)");
}

TEST(Cancel, StopsRunningOnesAndThenRunsOnExit) {
  World world(kWithHandlers);
  world.cancel();
  EXPECT_EQ(world.stops(), "a(cancelled)");
  EXPECT_EQ(world.status("b"), "cancelled (cancelled)");
  EXPECT_EQ(world.running(), "a");
  world.fail("a", Cause::crash, "SIGTERM");
  EXPECT_EQ(world.status("a"), "cancelled (cancelled)");
  EXPECT_EQ(world.running(), "report");
  EXPECT_EQ(world.status("cheer"), "skipped");
  EXPECT_EQ(world.status("alarm"), "skipped");
  EXPECT_EQ(world.succeed("report").status(), "cancelled: a stopped; b not started");
}

TEST(Cancel, OfWhatHasNotStartedEndsAtOnce) {
  World world(R"(
    steps:
      - {name: a, uses: noop, when: "${{ true }}"}
      - {name: b, uses: noop}
  )",
              0);
  EXPECT_EQ(world.cancel().status(), "cancelled: a, b not started");
  EXPECT_EQ(world.stops(), "");
}

TEST(Cancel, ASecondOneInOnExitStopsTheHandlersToo) {
  World world(kWithHandlers);
  world.cancel().fail("a", Cause::cancelled);
  EXPECT_EQ(world.running(), "report");
  world.cancel();
  EXPECT_EQ(world.stops(), "a(cancelled) report(cancelled)");
  EXPECT_EQ(world.fail("report", Cause::cancelled).status(),
            "cancelled: a, handler report stopped; b not started");
}

TEST(Cancel, TwiceInMainKeepsOnExit) {
  World world(kWithHandlers);
  world.cancel().cancel().fail("a", Cause::cancelled);
  EXPECT_EQ(world.stops(), "a(cancelled)");
  EXPECT_EQ(world.running(), "report");
}

TEST(Cancel, InOnSuccessStillRunsOnExit) {
  World world(kWithHandlers);
  world.succeed("a").succeed("b").cancel();
  EXPECT_EQ(world.stops(), "cheer(cancelled)");
  EXPECT_EQ(world.fail("cheer", Cause::cancelled).running(), "report");
  EXPECT_EQ(world.succeed("report").status(), "cancelled: handler cheer stopped");
}

TEST(Cancel, GivesUpRetries) {
  World world(R"(
    steps:
      - {name: a, uses: noop, retry: {limit: 3}}
  )");
  EXPECT_EQ(world.fail("a", Cause::crash).cancel().status(), "cancelled: a stopped");
  EXPECT_EQ(world.next_wake(), 0s);
}

TEST(Cancel, ASuccessThatWonTheRaceStaysASuccess) {
  World world(R"(
    steps:
      - {name: a, uses: noop}
      - {name: b, uses: noop, needs: [a]}
  )");
  world.cancel().succeed("a");
  EXPECT_EQ(world.status("a"), "succeeded");
  EXPECT_EQ(world.status(), "cancelled: b not started");
}

TEST(Cancel, OfAnAttemptThatTimedOutKeepsTheFirstCause) {
  World world(R"(
    steps:
      - {name: a, uses: noop, timeout: 1s}
  )");
  world.advance(1s).cancel();
  EXPECT_EQ(world.stops(), "a(timeout)");
  EXPECT_EQ(world.fail("a", Cause::crash).status(), "cancelled: a (timeout) failed");
}

TEST(Cancel, AFailureWhileCancellingIsSaid) {
  World world(R"(
    steps:
      - {name: a, uses: noop}
      - {name: b, uses: noop}
  )");
  world.fail("a", Cause::oom).cancel().fail("b", Cause::crash);
  EXPECT_EQ(world.status(), "cancelled: a (oom) failed; b stopped");
}

}  // namespace
}  // namespace scanflow::run
