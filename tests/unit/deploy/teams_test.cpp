// What a cluster is given for the teams of an application.
#include "engine/deploy/teams.hpp"

#include <gmock/gmock.h>

#include "engine/kube/rights.hpp"
#include "tests/support/kube/server.hpp"
#include "tests/support/kube_recordings.hpp"
#include "tests/support/openapi.hpp"

namespace scanflow::deploy {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

TeamNamespace science() { return {"mnist", "science", "mnist-science", 1.5, 16ull << 30, 1, 2}; }
TeamNamespace without_quota() { return {"mnist", "data", "mnist-data", {}, {}, {}, {}}; }

std::vector<std::string> kinds_of(const json& all) {
  std::vector<std::string> kinds;
  for (const json& each : all) kinds.push_back(each["kind"]);
  return kinds;
}
json of_kind(const json& all, const std::string& kind) {
  for (const json& each : all) {
    if (each["kind"] == kind) return each;
  }
  return {};
}

TEST(Teams, ANamespaceHoldsItsQuotaAndTheRightsOfItsEngine) {
  const json all = manifests(science());
  EXPECT_THAT(kinds_of(all), ElementsAre("Namespace", "ResourceQuota", "LimitRange",
                                         "ServiceAccount", "Role", "RoleBinding"));
  EXPECT_EQ(all[0]["metadata"]["name"], "mnist-science");
  EXPECT_EQ(all[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
  EXPECT_EQ(of_kind(all, "ResourceQuota")["spec"]["hard"], (json{{"requests.cpu", "1500m"},
                                                                 {"requests.memory", "16384Mi"},
                                                                 {"requests.nvidia.com/gpu", "1"},
                                                                 {"requests.amd.com/gpu", "1"},
                                                                 {"count/deployments.apps", "2"}}));
  EXPECT_EQ(of_kind(all, "LimitRange")["spec"]["limits"][0]["defaultRequest"],
            (json{{"cpu", "100m"}, {"memory", "64Mi"}}));
  for (const json& each : all)
    EXPECT_EQ(each["metadata"]["labels"]["scanflow.dev/team"], "science") << each;
  const json role = of_kind(all, "Role");
  EXPECT_EQ(role["metadata"]["namespace"], "mnist-science");
  EXPECT_EQ(role["rules"].size(), kube::rights().size());
  for (const json& rule : role["rules"]) {
    for (const char* list : {"verbs", "resources", "apiGroups"}) {
      for (const json& each : rule[list]) EXPECT_NE(each, "*") << rule;
    }
  }
  EXPECT_EQ(of_kind(all, "RoleBinding")["subjects"][0]["namespace"], "mnist-science");
}

TEST(Teams, WithoutAQuotaNothingIsLimited) {
  EXPECT_THAT(kinds_of(manifests(without_quota())),
              ElementsAre("Namespace", "ServiceAccount", "Role", "RoleBinding"));
}

TEST(Teams, PassTheSchemasOfAnApiServer) {
  std::vector<test::OpenApi> documents;
  for (const char* name : {"api_v1", "apis_rbac.authorization.k8s.io_v1"}) {
    auto document = test::recording(std::string("openapi/") + name + ".json");
    if (!document) GTEST_SKIP() << test::kNoRecordings;
    documents.emplace_back(std::move(*document));
  }
  for (const TeamNamespace& team : {science(), without_quota()}) {
    for (const json& each : manifests(team))
      EXPECT_THAT(test::problems_of(documents, each), IsEmpty()) << each;
  }
}

}  // namespace
}  // namespace scanflow::deploy
