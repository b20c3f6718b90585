#include "engine/deploy/objects.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/deploy/rights.hpp"
#include "engine/inject/rewrite.hpp"
#include "engine/inject/yaml.hpp"
#include "engine/kube/rights.hpp"
#include "tests/support/kube/server.hpp"
#include "tests/support/kube_recordings.hpp"
#include "tests/support/openapi.hpp"

namespace scanflow::deploy {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

Installation usual() {
  Installation to;
  to.engine_image = "scanflow-engine:0.1.0";
  to.sidecar_image = "scanflow-sidecar:0.1.0";
  to.worker_image = "scanflow-worker:0.1.0";
  to.command_image = "scanflow-python:0.1.0";
  return to;
}
Installation everything() {
  Installation to = usual();
  to.cluster_wide = to.egress = true;
  to.pull_secret = "registry";
  to.storage_class = "fast";
  to.replicas = 2;
  return to;
}
json find(const json& all, const std::string& kind) {
  for (const json& each : all) {
    if (each["kind"] == kind) return each;
  }
  return {};
}
std::string yaml(const json& all) {
  std::vector<std::string> texts;
  for (const json& each : all) texts.push_back(inject::write_yaml(inject::from_json(each)));
  return inject::joined(texts);
}

/// What lies in deploy/kubernetes is written from here: SCANFLOW_UPDATE_GOLDEN=1 writes it anew.
void is_written(const std::string& file, const json& all) {
  const std::filesystem::path path =
      std::filesystem::path(SCANFLOW_SOURCE_DIR "/deploy/kubernetes") / file;
  if (std::getenv("SCANFLOW_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << yaml(all);
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  EXPECT_EQ(text.str(), yaml(all)) << path << " is old: SCANFLOW_UPDATE_GOLDEN=1 writes it anew";
}

TEST(Deploy, TheFilesForKustomizeAreWhatIsInstalled) {
  is_written("base/engine.yaml", manifests(usual()));
  Installation wide = usual();
  wide.cluster_wide = true;
  json rights = json::array();
  for (const json& each : manifests(wide)) {
    if (each["kind"].get<std::string>().starts_with("ClusterRole")) rights.push_back(each);
  }
  is_written("overlays/cluster-wide/rights.yaml", rights);
  Installation closed = usual();
  closed.egress = true;
  json egress = json::array();
  for (const json& each : manifests(closed)) {
    if (each["metadata"]["name"] == "scanflow-steps") egress.push_back(each);
  }
  is_written("overlays/egress/steps.yaml", egress);
}

TEST(Deploy, PassesTheSchemasOfAnApiServer) {
  std::vector<test::OpenApi> documents;
  for (const char* name : {"api_v1", "apis_apps_v1", "apis_policy_v1", "apis_networking.k8s.io_v1",
                           "apis_rbac.authorization.k8s.io_v1"}) {
    auto document = test::recording(std::string("openapi/") + name + ".json");
    if (!document) GTEST_SKIP() << test::kNoRecordings;
    documents.emplace_back(std::move(*document));
  }
  for (const Installation& to : {usual(), everything()}) {
    for (const json& each : manifests(to))
      EXPECT_THAT(test::problems_of(documents, each), IsEmpty()) << each;
  }
}

/// Applied to a cluster whose namespaces hold to the restricted Pod Security Standard.
class Applied : public testing::Test {
 protected:
  void apply(const Installation& to) {
    for (const json& each : manifests(to)) ASSERT_NO_THROW(server_.create(each)) << each;
  }
  test::kube::KubeServer server_;
};

TEST_F(Applied, ItsPodHoldsToTheRestrictedStandard) {
  ASSERT_NO_FATAL_FAILURE(apply(everything()));
  json pod = find(manifests(everything()), "StatefulSet")["spec"]["template"];
  pod["apiVersion"] = "v1";
  pod["kind"] = "Pod";
  pod["metadata"]["name"] = "scanflow-0";
  pod["metadata"]["namespace"] = "scanflow";
  EXPECT_NO_THROW(server_.create(pod));
}

TEST(Deploy, GivesNoRightThatIsNotAsked) {
  for (const json& object : rights_of({"ns", "scanflow", false, json::object()})) {
    EXPECT_EQ(object["metadata"]["namespace"], "ns") << "nothing beyond its namespace";
    for (const json& rule : object.value("rules", json::array())) {
      EXPECT_EQ(rule.dump().find('*'), std::string::npos) << rule;
      if (rule["resources"][0] != "secrets") continue;
      EXPECT_EQ(rule["verbs"], json({"create", "patch"})) << "it reads no secret";
    }
  }
}

TEST(Deploy, RightsToNodesAreAClusterRoleOfTheirOwn) {
  const auto roles_with = [](bool cluster_wide, const std::string& resource) {
    std::vector<std::string> names;
    for (const json& object : rights_of({"ns", "scanflow", cluster_wide, json::object()})) {
      for (const json& rule : object.value("rules", json::array())) {
        if (rule["resources"][0] == resource)
          names.push_back(object["kind"].get<std::string>() + " " +
                          object["metadata"]["name"].get<std::string>());
      }
    }
    return names;
  };
  using testing::ElementsAre;
  EXPECT_THAT(roles_with(false, "nodes"), IsEmpty());
  EXPECT_THAT(roles_with(false, "pods/resize"), ElementsAre("Role scanflow"));
  EXPECT_THAT(roles_with(true, "nodes"), ElementsAre("ClusterRole scanflow-nodes"));
  EXPECT_THAT(roles_with(true, "pods/resize"), ElementsAre("ClusterRole scanflow"));
}

TEST(Deploy, LetsItsPodsAndInjectedOnesReachTheHubAndNobodyElse) {
  const json policy = find(manifests(usual()), "NetworkPolicy");
  EXPECT_EQ(policy["spec"]["ingress"].size(), 1u);
  EXPECT_EQ(policy["spec"]["ingress"][0]["from"].size(), 2u);
  EXPECT_EQ(policy["spec"]["ingress"][0]["ports"][0]["port"], 4190);
}

TEST(Deploy, KeysAndTokensStayOutOfManifests) {
  const std::string text = manifests(everything()).dump();
  for (const char* word : {"secret-key", "SCANFLOW_SECRET_KEY", "hub-key"})
    EXPECT_EQ(text.find(word), std::string::npos) << word;
}

}  // namespace
}  // namespace scanflow::deploy
