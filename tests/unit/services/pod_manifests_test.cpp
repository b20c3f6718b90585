#include "engine/services/pod_manifests.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace scanflow::services {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class PodManifests : public testing::Test {
 protected:
  PodManifests() {
    settings_.name_space = "ml";
    settings_.state = "0123456789ab";
    settings_.image = "registry.local/scanflow-worker:1";
    settings_.sidecar = inject::defaults("1");
    settings_.sidecar.hub = "tcp://10.0.0.1:4190";
    settings_.sidecar.bulk = "tcp://10.0.0.1:4191";
    document_.name = "digits";
    document_.threads = 1;
    document_.cpus = 0.5;
    document_.memory = 1 << 30;
    document_.nodes.push_back({{"pre", infer::NodeType::transformer, {}},
                               "image.preprocess",
                               "/usr/lib/scanflow/plugins/serving.so",
                               json::object(),
                               {{{"1", 1, false}, ""}}});
    document_.nodes.push_back({{"cnn", infer::NodeType::model, {"pre"}},
                               "torch.predict",
                               "/usr/lib/scanflow/plugins/torch.so",
                               json::object(),
                               {{{"3", 1, false}, "/artifacts/x", std::string(64, 'a'), true}}});
  }
  json made() const {
    const auto made = deployment_of(object_name(name_), 2, document_, settings_);
    EXPECT_TRUE(made) << made.error().message;
    return made ? *made : json();
  }
  json served() const {
    const json deployment = made();
    for (const json& each : deployment["spec"]["template"]["spec"]["containers"][0]["env"])
      if (each["name"] == "SCANFLOW_SERVICE") return json::parse(each["value"].get<std::string>());
    return {};
  }

  const serve::ServiceName name_{"default", "digits"};
  PodSettings settings_;
  infer::ServiceDocument document_;
};

TEST_F(PodManifests, ADeploymentServesBesideASidecarThatBringsItsModels) {
  const json deployment = made();
  EXPECT_EQ(deployment["metadata"]["name"], "scanflow-default-digits");
  EXPECT_EQ(deployment["spec"]["replicas"], 2);
  const json pod = deployment["spec"]["template"]["spec"];
  const json app = pod["containers"][0];
  EXPECT_EQ(app["command"],
            (json{"/scanflow/bin/scanflow-exec", "--", "scanflow-service", "--in-pod"}));
  EXPECT_EQ(app["resources"], (json{{"requests", {{"cpu", "500m"}, {"memory", "1073741824"}}},
                                    {"limits", {{"memory", "1073741824"}}}}));
  EXPECT_EQ(app["readinessProbe"]["httpGet"]["path"], "/v2/health/ready");
  EXPECT_EQ(app["securityContext"]["readOnlyRootFilesystem"], true);
  const json sidecar = pod["initContainers"].back();
  EXPECT_EQ(sidecar["name"], "scanflow-sidecar");
  EXPECT_THAT(sidecar["env"].dump(), HasSubstr("tcp://10.0.0.1:4191"));
  for (const auto& [label, value] : deployment["spec"]["selector"]["matchLabels"].items())
    EXPECT_EQ(deployment["spec"]["template"]["metadata"]["labels"][label], value);
  const json service = service_of(name_, object_name(name_), settings_);
  EXPECT_EQ(service["spec"]["selector"], deployment["spec"]["selector"]["matchLabels"]);
  EXPECT_EQ(service["spec"]["ports"][0]["targetPort"], app["ports"][0]["name"]);
}

TEST_F(PodManifests, ContainersOfNodesAreBesideTheService) {
  infer::NodeDocument node;
  node.node = {"iris", infer::NodeType::model, {"pre"}};
  node.remote = {"http://127.0.0.1:9000/v2/models/iris", 30'000'000};
  node.container = {{"name", "node-iris"}, {"image", "registry.local/iris:1"}};
  node.versions = {{{"1", 1, false}, ""}};
  document_.nodes.push_back(node);
  const json pod = made()["spec"]["template"]["spec"];
  ASSERT_EQ(pod["containers"].size(), 2U);
  const json& container = pod["containers"][1];
  EXPECT_EQ(container["image"], "registry.local/iris:1");
  EXPECT_FALSE(container.contains("command")) << "its image says what it runs";
  EXPECT_EQ(container["securityContext"]["allowPrivilegeEscalation"], false);
  const auto document = infer::service_from_json(served());
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->nodes[2].remote->url, "http://127.0.0.1:9000/v2/models/iris");
  EXPECT_EQ(document->nodes[2].versions.size(), 1U);
}

TEST_F(PodManifests, APodOfPodmanListensAtSocketsOfTheMachine) {
  settings_.sidecar.shape = inject::Shape::plain;
  settings_.sidecar.keys = inject::Keys{"hub's", "public", "secret"};
  document_.listen = "unix:/run/user/0/x/s1/r2/http";
  document_.admin = "unix:/run/user/0/x/s1/r2/admin";
  document_.nodes[0].container = {{"name", "node-pre"}, {"livenessProbe", {{"x", 1}}}};
  const std::string name = pod_name(name_, settings_.state, "2");
  EXPECT_THAT(name, MatchesRegex("scanflow-default-digits-[0-9a-f]{8}-2"));
  EXPECT_NE(name, pod_name(name_, "another", "2")) << "podman has one list of all";
  EXPECT_LE(pod_name({std::string(60, 'a'), std::string(60, 'b')}, "s", "b123456").size(), 63);
  const auto made = pod_of(name, document_, settings_);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)["metadata"]["labels"]["scanflow.dev/services"], settings_.state);
  const json& spec = (*made)["spec"];
  EXPECT_EQ(spec["restartPolicy"], "Never") << "another replica takes its place";
  EXPECT_THAT(spec["volumes"].dump(),
              HasSubstr(R"("hostPath":{"path":"/run/user/0/x/s1/r2","type":"Directory"})"));
  const json& app = spec["containers"][0];
  EXPECT_THAT(app["env"].dump(), HasSubstr("unix:/run/scanflow/http"));
  EXPECT_THAT(app["env"].dump(), HasSubstr("unix:/run/scanflow/admin"));
  EXPECT_THAT(app["volumeMounts"].dump(), HasSubstr("/run/scanflow"));
  EXPECT_THAT(app["env"].dump(), HasSubstr(R"({"name":"SCANFLOW_RUN","value":")" + name));
  EXPECT_THAT(spec.dump(), Not(HasSubstr("Probe"))) << "podman would need curl for that";
}

TEST_F(PodManifests, PodsServeADocumentWithoutModels) {
  const auto document = infer::service_from_json(served());
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->listen, "0.0.0.0:8080");
  EXPECT_EQ(document->nodes[0].versions.size(), 1U) << "it has no model, so it is there at once";
  EXPECT_EQ(document->nodes[1].versions.size(), 0U);
  EXPECT_EQ(document->nodes[1].library, "torch.so");
}

TEST_F(PodManifests, AnotherVersionMakesNoNewPods) {
  const json before = made();
  document_.nodes[1].versions[0].share.version = "4";
  document_.nodes[1].versions[0].sha256 = std::string(64, 'b');
  EXPECT_EQ(made(), before);
  document_.limits.batch_rows = 9;
  EXPECT_NE(made()["spec"]["template"]["metadata"]["labels"]["scanflow.dev/document"],
            before["spec"]["template"]["metadata"]["labels"]["scanflow.dev/document"]);
}

TEST_F(PodManifests, WhatASidecarIsTold) {
  const auto none = traffic_of(document_.nodes[0]);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->is_null());
  const auto told = traffic_of(document_.nodes[1]);
  ASSERT_TRUE(told);
  EXPECT_EQ(*told, (json{{"node", "cnn"},
                         {"versions",
                          {{{"version", "3"},
                            {"weight", 1.0},
                            {"shadow", false},
                            {"sha256", std::string(64, 'a')},
                            {"directory", true}}}}}));
  document_.nodes[1].versions[0].sha256.clear();
  const auto here = traffic_of(document_.nodes[1]);
  ASSERT_FALSE(here);
  EXPECT_THAT(here.error().message, HasSubstr("'cnn': /artifacts/x is a file of this machine"));
}

TEST_F(PodManifests, NamesAreLabelsAndDifferWhereServicesDo) {
  const std::string one = object_name({"a-b", "c"}), other = object_name({"a", "b-c"});
  EXPECT_NE(one, other);
  const std::string longest = object_name({std::string(63, 'n'), std::string(63, 's')});
  for (const std::string& name : {one, other, longest, object_name({"a", "b-"}),
                                  backup_name({"a", "b"}), object_name({"a", "b-backup"})}) {
    EXPECT_LE(name.size(), 63U);
    EXPECT_THAT(name, MatchesRegex("[a-z]([-a-z0-9]*[a-z0-9])?"));
  }
  EXPECT_NE(object_name({"a", one.substr(std::string("scanflow-a-").size())}), one);
  EXPECT_NE(backup_name({"a", "b"}), object_name({"a", "b-backup"}));
  EXPECT_LE(backup_name({std::string(63, 'n'), std::string(63, 's')}).size(), 63U);
  EXPECT_NE(longest, object_name({std::string(63, 'n'), std::string(62, 's')}));
}

}  // namespace
}  // namespace scanflow::services
