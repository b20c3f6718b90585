// Steps whose instances are known only while the run goes on.
#include <gtest/gtest.h>

#include "tests/support/world.hpp"

namespace scanflow::run {
namespace {

using nlohmann::json;
using support::World;

constexpr const char* kShards = R"(
  steps:
    - {name: list, uses: noop}
    - {name: shard, uses: noop, needs: [list], for_each: "${{ steps.list.outputs.items }}"}
    - {name: merge, uses: noop, needs: [shard]}
)";

World expanded(const char* yaml, json items) {
  World world(yaml);
  world.succeed("list");
  EXPECT_EQ(world.resolving(), "shard");
  world.expand("shard", std::move(items));
  return world;
}

TEST(ForEach, EachItemIsAnInstanceAndTheStepEndsWithTheLast) {
  World world = expanded(kShards, {"a", "b"});
  EXPECT_EQ(world.status("shard"), "expanded");
  EXPECT_EQ(world.machine().planned(world.index("shard[1]")).item, "b");
  EXPECT_EQ(world.resolving(), "shard[0] shard[1]");
  world.resolve("shard[0]").resolve("shard[1]");
  EXPECT_EQ(world.running(), "shard[0] shard[1]");
  EXPECT_EQ(world.succeed("shard[1]").running(), "shard[0]");
  EXPECT_EQ(world.succeed("shard[0]").running(), "merge");
  EXPECT_EQ(world.status("shard"), "succeeded");
  EXPECT_EQ(world.succeed("merge").status(), "succeeded: 5 steps");
}

TEST(ForEach, AnInstanceThatFailsFailsTheStepWithItsCause) {
  World world = expanded(kShards, {1, 2, 3});
  world.resolve("shard[0]").resolve("shard[1]").skip("shard[2]");
  world.fail("shard[0]", Cause::oom);
  EXPECT_EQ(world.running(), "shard[1]") << "the others finish";
  world.succeed("shard[1]");
  EXPECT_EQ(world.status("shard"), "failed (oom)");
  EXPECT_EQ(world.status("merge"), "cancelled (upstream)");
  EXPECT_EQ(world.status(), "failed: shard[0] (oom); merge not started");
}

TEST(ForEach, InstancesThatWereNotStartedAreGivenUpAfterAFailure) {
  World world(R"(
    steps:
      - {name: list, uses: noop}
      - {name: shard, uses: noop, needs: [list], for_each: "${{ steps.list.outputs.x }}"}
  )",
              1);
  world.succeed("list").expand("shard", {1, 2, 3}).resolve("shard[0]").resolve("shard[1]");
  EXPECT_EQ(world.running(), "shard[0]");
  world.fail("shard[0]", Cause::error);
  EXPECT_EQ(world.status("shard[1]"), "cancelled (upstream)");
  EXPECT_EQ(world.status("shard[2]"), "cancelled (upstream)");
  EXPECT_EQ(world.status("shard"), "failed (error)");
  EXPECT_EQ(world.status(), "failed: shard[0] (error); shard[1], shard[2] not started");
}

TEST(ForEach, MaxParallelBoundsTheInstances) {
  World world = expanded(R"(
    steps:
      - {name: list, uses: noop}
      - {name: shard, uses: noop, needs: [list], for_each: "${{ steps.list.outputs.x }}", max_parallel: 2}
      - {name: other, uses: noop, needs: [list]}
  )",
                         {1, 2, 3});
  for (const char* step : {"shard[0]", "shard[1]", "shard[2]"}) world.resolve(step);
  EXPECT_EQ(world.running(), "other shard[0] shard[1]");
  EXPECT_EQ(world.succeed("shard[0]").running(), "other shard[1] shard[2]");
}

TEST(ForEach, CancelEndsInstancesAndStep) {
  World world = expanded(kShards, {1, 2});
  world.resolve("shard[0]").cancel();
  EXPECT_EQ(world.stops(), "shard[0](cancelled)");
  EXPECT_EQ(world.status("shard[1]"), "cancelled (cancelled)");
  world.fail("shard[0]", Cause::cancelled);
  EXPECT_EQ(world.status("shard"), "cancelled (cancelled)");
  EXPECT_EQ(world.status(), "cancelled: shard[0] stopped; merge, shard[1] not started");
}

TEST(ForEach, EmptyListIsASkip) {
  World world(kShards);
  world.succeed("list").skip("shard");
  EXPECT_EQ(world.running(), "merge");
}

TEST(ForEach, RetriesAndAllowedFailuresAreEachInstancesOwn) {
  World world(R"(
    steps:
      - {name: shard, uses: noop, for_each: "${{ params.x }}", retry: 1, allow_failure: true}
      - {name: merge, uses: noop, needs: [shard]}
    params: {x: {type: list, default: [1, 2]}}
  )");
  world.expand("shard", {1, 2}).resolve("shard[0]").resolve("shard[1]");
  world.fail("shard[0]", Cause::crash);
  EXPECT_EQ(world.status("shard[0]"), "waiting (crash)");
  world.advance(world.next_wake());
  EXPECT_EQ(world.running(), "shard[1] shard[0]#2");
  world.fail("shard[0]", Cause::crash).succeed("shard[1]");
  EXPECT_EQ(world.status("shard"), "failed (crash)");
  EXPECT_EQ(world.running(), "merge");
  EXPECT_EQ(world.succeed("merge").status(), "succeeded: 4 steps, 2 failed as they may");
}

TEST(ForEach, InHandlersToo) {
  World world(R"(
    steps:
      - {name: work, uses: noop}
    on_exit:
      - {name: tell, uses: noop, for_each: ["${{ params.who }}"]}
    params: {who: {type: string, default: ada}}
  )");
  world.succeed("work");
  EXPECT_EQ(world.resolving(), "tell");
  world.expand("tell", {"ada"}).resolve("tell[0]").succeed("tell[0]");
  EXPECT_EQ(world.status(), "succeeded: 3 steps");
}

TEST(ForEach, NoItemsIsABrokenLog) {
  World world(kShards);
  world.succeed("list");
  EXPECT_THROW(world.expand("shard", json::array()), std::logic_error);
}

}  // namespace
}  // namespace scanflow::run
