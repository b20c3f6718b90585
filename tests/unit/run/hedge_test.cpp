// A second attempt beside the one in flight: the first that succeeds is the step's.
#include <gtest/gtest.h>

#include "tests/support/world.hpp"

namespace scanflow::run {
namespace {

using namespace std::chrono_literals;
using support::Def;
using support::plan_of;
using support::World;

const std::vector<Def> kTwo{Def("a"), Def("b").needs({"a"})};

TEST(Hedge, TheSecondIsFirst) {
  World world(kTwo);
  world.hedge("a");
  EXPECT_EQ(world.running(), "a a#2");
  EXPECT_EQ(world.machine().running(), 2U);
  world.succeed("a", {{"x", 2}}, 2);
  EXPECT_EQ(world.state("a").result->at("outputs").at("x"), 2);
  EXPECT_EQ(world.state("a").attempt, 2U);
  EXPECT_EQ(world.running(), "a b") << "what needs it starts at once";
  EXPECT_EQ(world.stops(), "a#1(superseded)");
  world.succeed("b");
  EXPECT_EQ(world.machine().status(), RunStatus::running) << "one attempt has not ended";
  world.fail("a", Cause::crash, "", 1);
  EXPECT_EQ(world.status(), "succeeded: 2 steps");
  EXPECT_EQ(world.state("a").result->at("outputs").at("x"), 2);
  EXPECT_EQ(
      world.history(),
      "run_created; attempt_started a; hedge_requested a; attempt_started a; attempt_ended a; "
      "attempt_stopping a; attempt_started b; attempt_ended b; attempt_ended a; run_ended");
  EXPECT_EQ(world.events()[world.events().size() - 2].cause, Cause::superseded);
}

TEST(Hedge, TheOlderOneIsFirst) {
  World world(kTwo);
  world.hedge("a").succeed("a", {{"x", 1}}, 1);
  EXPECT_EQ(world.stops(), "a#2(superseded)");
  EXPECT_EQ(world.state("a").attempt, 1U);
  EXPECT_EQ(world.state("a").attempts, 2U);
}

TEST(Hedge, OneThatSucceedsTooLateChangesNothing) {
  World world(kTwo);
  world.hedge("a").succeed("a", {{"x", 2}}, 2).succeed("a", {{"x", 1}}, 1);
  EXPECT_EQ(world.state("a").result->at("outputs").at("x"), 2);
  EXPECT_EQ(world.status("a"), "succeeded");
  EXPECT_EQ(world.succeed("b").status(), "succeeded: 2 steps");
}

TEST(Hedge, WaitsForAdmissionAndIsNeverStartedWhereTheFirstEndsBefore) {
  World world({Def("a"), Def("c")}, 2);
  world.hedge("a");
  EXPECT_EQ(world.running(), "a c");
  EXPECT_TRUE(world.machine().awaits_hedge(world.index("a")));
  EXPECT_EQ(world.machine().wants(), 0) << "it waits for room";
  world.succeed("a");
  EXPECT_FALSE(world.machine().awaits_hedge(world.index("a")));
  EXPECT_EQ(world.succeed("c").status(), "succeeded: 2 steps");
  EXPECT_EQ(world.state("a").attempts, 1U);
  World other({Def("a"), Def("c")}, 2);
  EXPECT_EQ(other.hedge("a").succeed("c").running(), "a a#2") << "there was room";
}

TEST(Hedge, BothCountForEveryLimit) {
  World whole(plan_of("max_parallel: 2\nsteps: [{name: a, uses: noop}, {name: b, uses: noop}]"));
  EXPECT_EQ(whole.hedge("a").running(), "a b") << "no third one";
  World one(plan_of(R"(
    steps: [{name: a, uses: noop, matrix: {x: [1, 2, 3]}, max_parallel: 2}]
  )"));
  EXPECT_EQ(one.running(), "a[x=1] a[x=2]");
  one.hedge("a[x=1]").succeed("a[x=2]");
  EXPECT_EQ(one.running(), "a[x=1] a[x=1]#2") << "as urgent as the others, and before them";
  one.succeed("a[x=1]", nullptr, 2);
  EXPECT_EQ(one.running(), "a[x=1] a[x=3]") << "the one that is stopped still counts";
}

TEST(Hedge, TheStepGoesOnWithTheOtherWhereOneFails) {
  World world(kTwo);
  world.hedge("a").fail("a", Cause::crash, "", 1);
  EXPECT_EQ(world.running(), "a#2");
  EXPECT_EQ(world.status("a"), "running");
  world.succeed("a", {{"x", 2}});
  EXPECT_EQ(world.status("a"), "succeeded");
  EXPECT_EQ(world.stops(), "");
  World second(kTwo);
  second.hedge("a").fail("a", Cause::crash, "", 2);
  EXPECT_EQ(second.running(), "a");
  EXPECT_EQ(second.hedge("a").running(), "a a#3") << "it may have another one";
}

TEST(Hedge, OnlyWhereBothHaveFailedItIsTriedAgainAndNoRetryIsUsedUp) {
  World world({Def("a").retry(1, 1s)});
  world.hedge("a").fail("a", Cause::crash, "", 1).fail("a", Cause::crash, "", 2);
  EXPECT_EQ(world.status("a"), "waiting (crash)");
  EXPECT_EQ(world.advance(world.next_wake()).running(), "a#3");
  EXPECT_EQ(world.fail("a", Cause::crash).status(), "failed: a after 3 attempts (crash)");
  World none({Def("a")});
  none.hedge("a").fail("a", Cause::crash, "", 2).fail("a", Cause::crash, "", 1);
  EXPECT_EQ(none.status("a"), "failed (crash)");
}

TEST(Hedge, EachHasItsTimeout) {
  World world({Def("a").timeout(10s)});
  world.advance(4s).hedge("a");
  EXPECT_EQ(world.advance(6s).stops(), "a#1(timeout)");
  EXPECT_EQ(world.next_wake(), 4s);
  world.fail("a", Cause::cancelled, "", 1);
  EXPECT_EQ(world.running(), "a#2");
  EXPECT_EQ(world.advance(4s).stops(), "a#1(timeout) a#2(timeout)");
  EXPECT_EQ(world.fail("a", Cause::cancelled).status("a"), "failed (timeout)");
}

TEST(Hedge, CancelStopsBoth) {
  World world(kTwo);
  world.hedge("a").cancel();
  EXPECT_EQ(world.stops(), "a#1(cancelled) a#2(cancelled)");
  world.fail("a", Cause::cancelled, "", 1);
  EXPECT_EQ(world.status("a"), "running");
  world.fail("a", Cause::cancelled, "", 2);
  EXPECT_EQ(world.status(), "cancelled: a stopped; b not started");
}

TEST(Hedge, FailFastStopsBothAndStartsNone) {
  World world(plan_of("fail_fast: true\nsteps: [{name: a, uses: noop}, {name: b, uses: noop}]"), 3);
  world.hedge("a").fail("b", Cause::error);
  EXPECT_EQ(world.stops(), "a#1(upstream) a#2(upstream)");
  World waits(plan_of("steps: [{name: a, uses: noop}, {name: b, uses: noop}]"), 2);
  waits.hedge("a").fail("b", Cause::error);
  EXPECT_EQ(waits.running(), "a") << "the run has failed: nothing new starts";
}

TEST(Hedge, IsRefusedWhereItCannotBe) {
  World world(kTwo);
  EXPECT_THROW(world.hedge("b"), std::logic_error) << "it does not run";
  world.hedge("a");
  EXPECT_THROW(world.hedge("a"), std::logic_error) << "it has one";
  World stopping({Def("a").timeout(1s)});
  EXPECT_THROW(stopping.advance(1s).hedge("a"), std::logic_error);
}

TEST(Hedge, SurvivesARestartAtEveryEvent) {
  World world(kTwo);
  world.hedge("a").succeed("a", {{"x", 2}}, 2);
  const std::vector<Event> log = world.events();
  for (std::size_t size = 1; size <= log.size(); ++size) {
    SCOPED_TRACE(size);
    World revived(plan_of(kTwo), World::kManySlots, {log.begin(), log.begin() + size},
                  world.now_us() + 1);
    while (!revived.in_flight().empty()) {
      const World::Flight last = revived.in_flight().back();
      revived.succeed(revived.id(last.step), {{"x", last.attempt}}, last.attempt);
    }
    EXPECT_EQ(revived.status(), "succeeded: 2 steps");
    EXPECT_EQ(revived.state("a").attempts, size < 3 ? 1U : 2U) << "asked for, it is started";
  }
  World revived(plan_of(kTwo), 1, log, world.now_us() + 1);
  EXPECT_EQ(revived.stops(), "a#1(superseded)") << "asked for again";
}

}  // namespace
}  // namespace scanflow::run
