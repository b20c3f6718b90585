// What is refused that is well formed and allowed: quotas, Pod Security, webhooks.
#include "tests/support/kube/admission.hpp"

#include <gmock/gmock.h>

#include "tests/unit/kube_server/fixture.hpp"

namespace scanflow::test::kube {
namespace {

class AdmissionTest : public KubeTest {};

TEST_F(AdmissionTest, AQuotaIsNotExceeded) {
  server_.create({{"apiVersion", "v1"},
                  {"kind", "ResourceQuota"},
                  {"metadata", {{"name", "q"}}},
                  {"spec", {{"hard", {{"pods", "2"}, {"requests.cpu", "1"}}}}}});
  json pod = pod_of("a");
  pod["spec"]["containers"][0]["resources"] = {{"requests", {{"cpu", "600m"}}}};
  server_.create(pod);
  pod["metadata"]["name"] = "b";
  const Given refused = client_.ask("POST", kPods, pod);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.body()["message"],
            "pods \"b\" is forbidden: exceeded quota: q, requested: requests.cpu=600m, used: "
            "requests.cpu=600m, limited: requests.cpu=1");
  server_.create(pod_of("c"));
  EXPECT_THAT(client_.ask("POST", kPods, pod_of("d")).body()["message"].get<std::string>(),
              testing::HasSubstr("requested: pods=1, used: pods=2, limited: pods=2"));
}

TEST_F(AdmissionTest, TheRestrictedProfileIsEnforced) {
  server_.create(namespace_of("safe", {{"pod-security.kubernetes.io/enforce", "restricted"}}));
  const std::string pods = "/api/v1/namespaces/safe/pods";
  const Given refused = client_.ask("POST", pods, pod_of("p"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(
      refused.body()["message"],
      "pods \"p\" is forbidden: violates PodSecurity \"restricted:latest\": "
      "allowPrivilegeEscalation != false (container \"main\" must set "
      "securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "
      "\"main\" must set securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true "
      "(pod or container \"main\" must set securityContext.runAsNonRoot=true), seccompProfile "
      "(pod or container \"main\" must set securityContext.seccompProfile.type to "
      "\"RuntimeDefault\" or \"Localhost\")");
  json good = pod_of("p");
  good["spec"]["securityContext"] = {{"runAsNonRoot", true},
                                     {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  good["spec"]["containers"][0]["securityContext"] = {{"allowPrivilegeEscalation", false},
                                                      {"capabilities", {{"drop", {"ALL"}}}}};
  EXPECT_EQ(client_.ask("POST", pods, good).status, 201);
  good["spec"]["volumes"] = json::array({{{"name", "v"}, {"hostPath", {{"path", "/"}}}}});
  good["metadata"]["name"] = "host";
  EXPECT_THAT(client_.ask("POST", pods, good).body()["message"].get<std::string>(),
              testing::HasSubstr("uses restricted volume type \"hostPath\""));
}

TEST_F(AdmissionTest, AWebhookDenies) {
  server_.with([](Cluster& cluster) {
    cluster.webhooks.push_back({"policy.test", [](const std::string& verb, const json& object) {
                                  const bool named = object["metadata"]["name"] == "bad";
                                  return verb == "create" && named ? "no such name" : "";
                                }});
  });
  const Given refused = client_.ask("POST", kMaps, map_of("bad", {}));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.body()["message"],
            "admission webhook \"policy.test\" denied the request: no such name");
  EXPECT_EQ(client_.ask("POST", kMaps, map_of("good", {})).status, 201);
}

TEST_F(AdmissionTest, APodsAccountMustExist) {
  json pod = pod_of("p");
  pod["spec"]["serviceAccountName"] = "none";
  EXPECT_EQ(client_.ask("POST", kPods, pod).body()["message"],
            "pods \"p\" is forbidden: error looking up service account default/none: "
            "serviceaccount \"none\" not found");
}

TEST_F(AdmissionTest, QuantitiesAreNumbers) {
  EXPECT_DOUBLE_EQ(quantity("250m"), 0.25);
  EXPECT_DOUBLE_EQ(quantity("2Gi"), 2147483648.0);
  EXPECT_DOUBLE_EQ(quantity(3), 3);
}

}  // namespace
}  // namespace scanflow::test::kube
