#include "engine/orchestrate/autoscaler.hpp"

#include <gmock/gmock.h>

#include "tests/support/kube_recordings.hpp"
#include "tests/support/openapi.hpp"
#include "tests/unit/orchestrate/objects.hpp"

namespace scanflow::orchestrate {
namespace {

using testing::HasSubstr;

json arguments(const json& more = json::object(), const char* by = "hpa") {
  json all = {{"min", 1}, {"max", 5}, {"by", by}, {"force", false}};
  all.update(more);
  return all;
}
std::optional<Scaler> hpa() { return scaler_of(web(), {autoscaler(2, 3)}, {}); }
std::optional<Scaler> keda() { return scaler_of(web(), {}, {scaled_object()}); }

TEST(Autoscaler, AnHpaIsAppliedWithTheNameOfTheWorkload) {
  const auto plan = plan_autoscaler(web(), deployment(), {}, arguments({{"cpu", 70}}));
  ASSERT_TRUE(plan) << plan.error().message;
  const Change& change = plan->changes.at(0);
  EXPECT_EQ(change.how, kube::Patch::apply);
  EXPECT_EQ(named(change.target), "HorizontalPodAutoscaler shop/web");
  EXPECT_EQ(change.body["spec"]["scaleTargetRef"], reference());
  EXPECT_EQ(change.body["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 70);
  const auto document = test::recording("openapi/apis_autoscaling_v2.json");
  if (!document) GTEST_SKIP() << test::kNoRecordings;
  EXPECT_THAT(test::OpenApi(*document).problems(change.body), testing::IsEmpty());
}

TEST(Autoscaler, TheOneThatIsThereIsChangedAndWhatIsNotNamedStays) {
  auto there = hpa();
  there->object["spec"]["metrics"] = json::array({{{"type", "Pods"}}});
  there->object["spec"]["behavior"] = {{"scaleDown", {{"stabilizationWindowSeconds", 5}}}};
  const auto plan = plan_autoscaler(web(), deployment(), there, arguments());
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(named(plan->changes[0].target), "HorizontalPodAutoscaler shop/web-hpa");
  const json& spec = plan->changes[0].body["spec"];
  EXPECT_EQ(spec["maxReplicas"], 5);
  EXPECT_EQ(spec["metrics"], there->object["spec"]["metrics"]);
  EXPECT_EQ(spec["behavior"], there->object["spec"]["behavior"]);
}

TEST(Autoscaler, AScaledObjectIsKedas) {
  const auto plan = plan_autoscaler(
      web(), deployment(), {},
      arguments({{"triggers", json::array({{{"type", "cron"}}})}, {"cpu", 60}, {"cooldown", 30}},
                "keda"));
  ASSERT_TRUE(plan) << plan.error().message;
  const json& spec = plan->changes[0].body["spec"];
  EXPECT_EQ(plan->changes[0].body["kind"], "ScaledObject");
  EXPECT_EQ(spec["triggers"].size(), 2u);
  EXPECT_EQ(spec["triggers"][1]["metadata"]["value"], "60");
  EXPECT_EQ(spec["cooldownPeriod"], 30);
  EXPECT_EQ(spec["maxReplicaCount"], 5);
}

TEST(Autoscaler, TwoWouldFight) {
  EXPECT_THAT(
      plan_autoscaler(web(), deployment(), keda(), arguments({{"cpu", 70}})).error().message,
      HasSubstr("two would fight: by=keda changes that one"));
  EXPECT_THAT(
      plan_autoscaler(web(), deployment(), hpa(), arguments({{"cpu", 70}}, "keda")).error().message,
      HasSubstr("delete it first"));
}

TEST(Autoscaler, WhatWouldNeverScaleIsRefused) {
  json bare = deployment();
  bare["spec"]["template"]["spec"]["containers"][0].erase("resources");
  EXPECT_THAT(plan_autoscaler(web(), bare, {}, arguments({{"cpu", 70}})).error().message,
              HasSubstr("main has no request of cpu"));
  EXPECT_THAT(plan_autoscaler(web(), deployment(), {}, arguments()).error().message,
              HasSubstr("nothing says what it is scaled by"));
}

TEST(Autoscaler, ArgumentsThatDoNotFitAreSaid) {
  const auto why = [](const json& given) {
    const auto right = check_autoscaler(given);
    return right ? std::string() : right.error().message;
  };
  EXPECT_EQ(why(arguments()), "");
  EXPECT_THAT(why(arguments({{"min", 9}})), HasSubstr("min 9 is above max 5"));
  EXPECT_THAT(why(arguments({{"min", 0}})), HasSubstr("by=keda scales to 0"));
  EXPECT_EQ(why(arguments({{"min", 0}}, "keda")), "");
  EXPECT_THAT(why(arguments({{"triggers", json::array()}})), HasSubstr("by=keda"));
  EXPECT_THAT(why(arguments({{"metrics", json::array()}}, "keda")), HasSubstr("triggers"));
}

}  // namespace
}  // namespace scanflow::orchestrate
