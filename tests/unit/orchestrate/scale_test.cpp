#include "engine/orchestrate/scale.hpp"

#include <gmock/gmock.h>

#include "tests/unit/orchestrate/objects.hpp"

namespace scanflow::orchestrate {
namespace {

using testing::HasSubstr;

json replicas(int count, const std::string& how = "floor") {
  return {{"replicas", count}, {"autoscaler", how}, {"force", false}};
}
Scaled now(int were, std::optional<Scaler> scaler = {}) {
  return {web(), deployment(), scale_of(were), std::move(scaler)};
}
std::optional<Scaler> by(const json& object) {
  const bool keda = object["kind"] == "ScaledObject";
  return scaler_of(web(), keda ? std::vector<json>() : std::vector{object},
                   keda ? std::vector{object} : std::vector<json>());
}
Plan good(const Planned& plan) {
  if (!plan) throw std::runtime_error(plan.error().message);
  return *plan;
}

TEST(Scale, SetsTheCountWhereNobodyElseDoes) {
  const Plan plan = good(plan_scale(now(2), replicas(3)));
  ASSERT_EQ(plan.changes.size(), 1u);
  EXPECT_EQ(plan.changes[0].subresource, "scale");
  EXPECT_EQ(plan.changes[0].body, json::parse(R"({"spec": {"replicas": 3}})"));
  EXPECT_EQ(plan.message, "Deployment shop/web: 3 replicas (were 2)");
  EXPECT_TRUE(good(plan_scale(now(3), replicas(3))).changes.empty());
  EXPECT_EQ(good(plan_scale(now(0), replicas(1))).message,
            "Deployment shop/web: 1 replica (were 0)");
}

TEST(Scale, AnAutoscalerThatOwnsTheCountIsChangedInstead) {
  const Plan plan = good(plan_scale(now(2, by(autoscaler(1, 4))), replicas(3)));
  ASSERT_EQ(plan.changes.size(), 1u);
  EXPECT_EQ(named(plan.changes[0].target), "HorizontalPodAutoscaler shop/web-hpa");
  EXPECT_EQ(plan.changes[0].body,
            json::parse(R"({"metadata": {"resourceVersion": "7"}, "spec": {"minReplicas": 3}})"));
  EXPECT_EQ(plan.evidence["owner"], "HorizontalPodAutoscaler shop/web-hpa");
  EXPECT_THAT(plan.message, HasSubstr("3 to 4 now (were 1 to 4); within them its load decides"));
  EXPECT_EQ(good(plan_scale(now(2, by(autoscaler(1, 4))), replicas(9))).changes[0].body["spec"],
            json::parse(R"({"minReplicas": 9, "maxReplicas": 9})"));
  EXPECT_EQ(
      good(plan_scale(now(2, by(autoscaler(1, 4))), replicas(2, "fixed"))).changes[0].body["spec"],
      json::parse(R"({"minReplicas": 2, "maxReplicas": 2})"));
  EXPECT_TRUE(good(plan_scale(now(3, by(autoscaler(3, 4))), replicas(3))).changes.empty());
}

TEST(Scale, AnAutoscalerLetsAWorkloadWithoutReplicasAlone) {
  const Plan down = good(plan_scale(now(2, by(autoscaler(1, 4))), replicas(0)));
  ASSERT_EQ(down.changes.size(), 1u);
  EXPECT_EQ(down.changes[0].subresource, "scale");
  EXPECT_THAT(down.message, HasSubstr("lets it alone until it is scaled up by hand"));
  const Plan up = good(plan_scale(now(0, by(autoscaler(1, 4))), replicas(2)));
  ASSERT_EQ(up.changes.size(), 2u);
  EXPECT_EQ(up.changes[0].body["spec"]["minReplicas"], 2);
  EXPECT_EQ(up.changes[1].subresource, "scale");
}

TEST(Scale, OfKedaTheScaledObjectIsChanged) {
  const auto body = [](const json& object, const json& arguments) {
    return good(plan_scale(now(2, by(object)), arguments)).changes.at(0).body;
  };
  EXPECT_EQ(body(scaled_object(), replicas(3))["spec"], json::parse(R"({"minReplicaCount": 3})"));
  EXPECT_EQ(body(scaled_object(), replicas(0))["spec"], json::parse(R"({"minReplicaCount": 0})"));
  const char* fixed = "autoscaling.keda.sh/paused-replicas";
  EXPECT_EQ(body(scaled_object(), replicas(3, "fixed"))["metadata"]["annotations"][fixed], "3");
  EXPECT_EQ(body(scaled_object({{fixed, "1"}}), replicas(4))["metadata"]["annotations"][fixed], "4")
      << "it is what counts";
  const Plan paused = good(
      plan_scale(now(2, by(scaled_object({{"autoscaling.keda.sh/paused", "true"}}))), replicas(3)));
  EXPECT_EQ(paused.changes.at(0).subresource, "scale");
}

TEST(Scale, WhoseItIsIsFoundByWhatItScales) {
  json other = autoscaler(1, 4);
  other["spec"]["scaleTargetRef"]["name"] = "api";
  EXPECT_FALSE(by(other));
  other = autoscaler(1, 4);
  other["spec"]["scaleTargetRef"]["kind"] = "StatefulSet";
  EXPECT_FALSE(by(other));
  other = autoscaler(1, 4);
  other["spec"]["scaleTargetRef"]["apiVersion"] = "argoproj.io/v1alpha1";
  EXPECT_FALSE(by(other));
  // KEDA makes an HPA of its own: the ScaledObject counts.
  const auto both = scaler_of(web(), {autoscaler(1, 4)}, {scaled_object()});
  EXPECT_TRUE(both && both->is_keda());
  EXPECT_FALSE(scaler_of(web(), {json::object(), json::parse(R"({"spec": 3})")},
                         {json::parse(R"({"spec": []})"), json::parse("[]")}));
}

TEST(Scale, IsRefusedWhereAnotherWouldSetItBack) {
  Scaled owned = now(2);
  owned.object = owned_by(deployment(), "serving.kserve.io/v1beta1", "InferenceService", "digits");
  const auto plan = plan_scale(owned, replicas(3));
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().state, Outcome::State::refused);
  EXPECT_THAT(plan.error().message, HasSubstr("controlled by InferenceService digits"));
  json forced = replicas(3);
  forced["force"] = true;
  EXPECT_TRUE(plan_scale(owned, forced));
  const auto refused = plan_scale(now(2, by(autoscaler(1, 4))), replicas(3, "refuse"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("web-hpa owns its replicas (1 to 4)"));
}

}  // namespace
}  // namespace scanflow::orchestrate
