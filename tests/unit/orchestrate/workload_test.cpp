#include "engine/orchestrate/workload.hpp"

#include <gmock/gmock.h>

#include "engine/orchestrate/node.hpp"
#include "tests/unit/orchestrate/objects.hpp"

namespace scanflow::orchestrate {
namespace {

using testing::HasSubstr;

json spec_after(const json& object, const json& arguments) {
  const auto plan = plan_place(web(), object, arguments);
  if (!plan) throw std::runtime_error(plan.error().message);
  json then = object;
  for (const Change& change : plan->changes) then.merge_patch(change.body);
  return then["spec"]["template"]["spec"];
}

TEST(Workload, ARestartMarksTheTemplate) {
  const auto plan = plan_restart(web(), deployment(), 1'780'000'000'000'000);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->changes[0].body,
            json::parse(R"({"spec": {"template": {"metadata": {"annotations": {
    "kubectl.kubernetes.io/restartedAt": "2026-05-28T20:26:40Z"}}}}})"));
  json paused = deployment();
  paused["spec"]["paused"] = true;
  EXPECT_THAT(plan_restart(web(), paused, 0).error().message, HasSubstr("it is paused"));
  json by_hand = deployment();
  by_hand["spec"]["updateStrategy"]["type"] = "OnDelete";
  EXPECT_THAT(plan_restart({kinds::kStatefulSet, "shop", "web"}, by_hand, 0).error().message,
              HasSubstr("OnDelete"));
}

TEST(Workload, APlaceTakesTheOldOnesPlace) {
  json object = deployment();
  object["spec"]["template"]["spec"]["nodeSelector"] = {{"disk", "ssd"}, {"zone", "a"}};
  EXPECT_EQ(spec_after(object, {{"node_selector", {{"disk", "hdd"}}}})["nodeSelector"],
            json::parse(R"({"disk": "hdd"})"));
  EXPECT_FALSE(spec_after(object, {{"node_selector", json::object()}}).contains("nodeSelector"));
  EXPECT_EQ(spec_after(object, {{"priority", "batch"}})["priorityClassName"], "batch");
  EXPECT_EQ(spec_after(object, {{"priority", "batch"}})["nodeSelector"]["zone"], "a");
  const json spread = json::parse(R"([{"maxSkew": 2, "topologyKey": "zone"}])");
  EXPECT_EQ(spec_after(object, {{"spread", spread}})["topologySpreadConstraints"], spread);
}

TEST(Workload, ItsPodsKeepApartOrAreSpreadEvenly) {
  const json soft =
      spec_after(deployment(), {{"apart", "kubernetes.io/hostname"}, {"hard", false}});
  EXPECT_EQ(soft["affinity"], json::parse(R"({"podAntiAffinity": {
    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": {
      "labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}}]}})"));
  json object = deployment();
  object["spec"]["template"]["spec"] = soft;
  const json hard = spec_after(object, {{"apart", "kubernetes.io/hostname"}, {"hard", true}});
  EXPECT_EQ(hard["affinity"]["podAntiAffinity"].size(), 1u) << "not both";
  EXPECT_EQ(
      hard["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"].size(),
      1u);
  const json even = spec_after(object, {{"even", "topology.kubernetes.io/zone"}, {"hard", true}});
  EXPECT_EQ(even["topologySpreadConstraints"][0]["whenUnsatisfiable"], "DoNotSchedule");
  EXPECT_TRUE(plan_place(web(), object, {{"apart", "kubernetes.io/hostname"}, {"hard", false}})
                  ->changes.empty())
      << "it is so already";
}

TEST(Workload, OfACronJobTheNextJobIsPlaced) {
  const Target nightly{kinds::kCronJob, "shop", "nightly"};
  json object = {{"metadata", metadata_of("nightly")}};
  object["spec"]["jobTemplate"]["spec"]["template"]["spec"] = {{"restartPolicy", "Never"}};
  const auto plan = plan_place(nightly, object, {{"priority", "low"}});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->changes[0].body["spec"], json::parse(R"({"jobTemplate": {"spec": {"template": {
    "spec": {"priorityClassName": "low"}}}}})"));
  EXPECT_THAT(plan->message, HasSubstr("its next Job has it"));
  EXPECT_THAT(plan_place(nightly, object, {{"apart", "zone"}}).error().message,
              HasSubstr("have no labels"));
}

TEST(Workload, APlaceThatSaysNothingIsRefused) {
  EXPECT_THAT(plan_place(web(), deployment(), {{"hard", true}}).error().message,
              HasSubstr("nothing says where"));
}

TEST(Node, TakesNoPodsAndTakesThemAgain) {
  const Target node{kube::kinds::kNode, "", "n1"};
  const json free = {{"metadata", {{"name", "n1"}}}, {"spec", json::object()}};
  json cordoned = free;
  cordoned["spec"]["unschedulable"] = true;
  const auto off = plan_cordon(node, free, {{"unschedulable", true}});
  EXPECT_EQ(off->changes.at(0).body, json::parse(R"({"spec": {"unschedulable": true}})"));
  const auto on = plan_cordon(node, cordoned, {{"unschedulable", false}});
  EXPECT_EQ(on->changes.at(0).body, json::parse(R"({"spec": {"unschedulable": null}})"));
  EXPECT_TRUE(plan_cordon(node, free, {{"unschedulable", false}})->changes.empty());
  EXPECT_TRUE(plan_cordon(node, cordoned, {{"unschedulable", true}})->changes.empty());
}

}  // namespace
}  // namespace scanflow::orchestrate
