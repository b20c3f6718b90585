// Quotas of namespaces, for one round of decisions.
#include "engine/runtime/quotas.hpp"

#include <gmock/gmock.h>

#include "engine/pipeline/application_reader.hpp"
#include "engine/run/scheduler.hpp"

namespace scanflow::runtime {
namespace {

using testing::HasSubstr;

std::shared_ptr<const pipeline::Applications> with_quota(const std::string& quota) {
  const std::string text =
      "apiVersion: scanflow.dev/v1\nkind: Application\nmetadata: {name: app}\nteams:\n"
      "  - {name: a, quota: " +
      quota + "}\n  - {name: b}\n";
  auto read = pipeline::read_application("app.yaml", text);
  EXPECT_EQ(pipeline::render(read.errors, text), "");
  return std::make_shared<const pipeline::Applications>(
      std::vector<std::shared_ptr<const pipeline::ApplicationSpec>>{read.application});
}

pipeline::Step step(const std::string& name, double cpu, std::uint64_t memory = 0) {
  pipeline::Step made;
  made.name = name;
  made.uses = "command";
  made.resources.cpu_request = cpu;
  made.resources.memory_request = memory;
  return made;
}

TEST(Quotas, StepsStartAsLongAsTheQuotaHoldsThem) {
  Quotas quotas(with_quota("{cpus: 2, memory: 1Gi}"));
  run::Slots slots(100);
  WithinQuota within(slots, quotas, "app-a");
  const pipeline::Step one = step("one", 1.5), half = step("half", 0.5), more = step("more", 0.1);
  EXPECT_TRUE(within.take(one));
  EXPECT_TRUE(within.take(half));
  EXPECT_EQ(within.waits(), "");
  EXPECT_FALSE(within.take(more));
  EXPECT_EQ(within.waits(),
            "more waits for the quota of app-a (the team a of the application app): 2 of 2 CPUs in "
            "use");
  EXPECT_TRUE(within.take(step("free", 0))) << "what asks for nothing is not held back";
  EXPECT_EQ(quotas.of("app-a").cpus, 2);
}

TEST(Quotas, WhatRunsInOtherRunsOfTheNamespaceCounts) {
  Quotas quotas(with_quota("{memory: 1Gi}"));
  const pipeline::Step big = step("big", 0, 768u << 20), small = step("small", 0, 512u << 20);
  quotas.add("app-a", {&big, 1});
  quotas.add("app-b", {&big, 5});
  quotas.add("elsewhere", {&big, 5});
  run::Slots slots(100);
  WithinQuota within(slots, quotas, "app-a");
  EXPECT_FALSE(within.take(small));
  EXPECT_THAT(within.waits(), HasSubstr("768 MiB of 1.0 GiB of memory in use"));
  WithinQuota other(slots, quotas, "app-b");
  EXPECT_TRUE(other.take(small)) << "a team without a quota";
  WithinQuota free(slots, quotas, "elsewhere");
  EXPECT_TRUE(free.take(small));
}

TEST(Quotas, SmallStepsDoNotStarveABigOne) {
  Quotas quotas(with_quota("{cpus: 2}"));
  const pipeline::Step running = step("running", 1);
  quotas.add("app-a", {&running, 1});
  run::Slots slots(100);
  WithinQuota first(slots, quotas, "app-a");
  EXPECT_FALSE(first.take(step("big", 2)));
  WithinQuota second(slots, quotas, "app-a");
  EXPECT_FALSE(second.take(step("small", 1))) << "its room is kept for the one before it";
  EXPECT_THAT(second.waits(), HasSubstr("big waits"));
}

TEST(Quotas, AGangCountsWithAllItsRanksAndACallNot) {
  Quotas quotas(with_quota("{gpus: 4}"));
  pipeline::Step gang = step("gang", 0);
  gang.replicas = 2;
  gang.resources.devices = {{"nvidia.com/gpu", 2}};
  run::Slots slots(100);
  WithinQuota within(slots, quotas, "app-a");
  EXPECT_TRUE(within.take(gang));
  EXPECT_FALSE(within.take(gang));
  pipeline::Step call = gang;
  call.uses = "pipeline";
  EXPECT_TRUE(within.take(call));
  EXPECT_EQ(quotas.of("app-a").gpus, 4u);
  quotas.add("app-a", {&gang, 2});
  EXPECT_EQ(quotas.of("app-a").gpus, 12u);
}

TEST(Quotas, WhatFindsNoSlotTakesNothing) {
  Quotas quotas(with_quota("{cpus: 2}"));
  run::Slots none(0);
  WithinQuota within(none, quotas, "app-a");
  EXPECT_FALSE(within.take(step("one", 1)));
  EXPECT_EQ(within.waits(), "") << "it waits for a slot, not for the quota";
  EXPECT_EQ(quotas.of("app-a").cpus, 0);
}

TEST(Quotas, ALoweredQuotaStarvesNobodyButWhatExceedsIt) {
  Quotas quotas(with_quota("{cpus: 2}"));
  run::Slots slots(100);
  WithinQuota first(slots, quotas, "app-a");
  EXPECT_FALSE(first.take(step("big", 3)));
  EXPECT_EQ(first.waits(),
            "big can never start under the quota of app-a (the team a of the application app): it "
            "asks for 3 CPUs of 2; raise 'quota' of the Application default/app");
  WithinQuota second(slots, quotas, "app-a");
  EXPECT_TRUE(second.take(step("small", 1))) << "nothing is kept free for what never starts";
}

TEST(Quotas, WhatTheRunCouldNotStartAnywayKeepsNoneOfTheQuotaFree) {
  Quotas quotas(with_quota("{cpus: 2}"));
  const pipeline::Step running = step("running", 1);
  quotas.add("app-a", {&running, 1});
  run::Slots none(0), slots(100);
  WithinQuota full(none, quotas, "app-a");
  EXPECT_FALSE(full.take(step("big", 2)));
  WithinQuota other(slots, quotas, "app-a");
  EXPECT_TRUE(other.take(step("small", 1)));
}

TEST(Quotas, WhatTheQuotaDoesNotLetStartKeepsNoRoomOfTheMachineFree) {
  Quotas quotas(with_quota("{cpus: 2}"));
  run::Scheduler scheduler({.jobs = 10, .cpu = 4});
  const pipeline::Step running = step("running", 2), theirs = step("theirs", 1);
  quotas.add("app-a", {&running, 1});
  scheduler.add({&running, 1});
  scheduler.add({&theirs, 1});
  scheduler.next_run(10);
  WithinQuota within(scheduler, quotas, "app-a");
  EXPECT_FALSE(within.take(step("big", 2)));
  WithinQuota free(scheduler, quotas, "elsewhere");
  EXPECT_TRUE(free.take(step("small", 1)));
}

TEST(Quotas, AskingForRoomKeepsNoneFree) {
  Quotas quotas(with_quota("{cpus: 2}"));
  const pipeline::Step running = step("running", 1);
  quotas.add("app-a", {&running, 1});
  run::Slots slots(100);
  WithinQuota within(slots, quotas, "app-a");
  EXPECT_FALSE(within.has_room(step("beside", 1.5)));
  EXPECT_TRUE(within.has_room(step("small", 1)));
  EXPECT_TRUE(within.take(step("small", 1)));
  EXPECT_EQ(within.waits(), "");
}

}  // namespace
}  // namespace scanflow::runtime
