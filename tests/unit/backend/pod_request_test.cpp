#include "engine/backend/pod_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace scanflow::backend {
namespace {

using nlohmann::json;

const Images kImages{"sidecar:1", "worker:1", "python:1"};

protocol::Request request() {
  protocol::Request request;
  request.id = {"r1", "train[lr=0.1]", 2};
  request.uses = "command";
  request.config = R"({"argv": ["true"]})";
  request.cwd = "/home/me";
  request.log_dir = "/state/runs/r1/logs";
  request.checkpoints = "/state/checkpoints/r1/step/work";
  request.steering = R"({"checkpoint": {"file": "/state/checkpoints/r1/step/work/model.pt"}})";
  request.inputs = {{"a", "/state/artifacts/objects/ab/cd", "abcd", 1, false},
                    {"b", "/state/artifacts/objects/ab/cd.x", "abcd", 1, false},
                    {"c", "/state/artifacts/trees/ab/cd", "abcd", 1, true}};
  request.pod = R"({"image": "app:1", "requests": {"cpu": "500m"}, "limits": {"memory": "1000"},
                    "reuse": {"uses": 3, "idle_us": 5, "age_us": 7}})";
  return request;
}

TEST(PodRequest, PathsOfThisMachineAreTranslatedOrLeftOut) {
  const protocol::Request made = pod_request(request());
  EXPECT_EQ(made.inputs[0].path, "file");
  EXPECT_EQ(made.inputs[1].path, "executable");
  EXPECT_EQ(made.inputs[2].path, "tree");
  EXPECT_EQ(made.cwd + made.log_dir + made.pod, "");
  EXPECT_EQ(made.checkpoints, "/scanflow/checkpoints/step/work");
  EXPECT_EQ(json::parse(made.steering)["checkpoint"]["file"],
            "/scanflow/checkpoints/step/work/model.pt");
  EXPECT_EQ(made.config, request().config);
  protocol::Request plugin = request();
  plugin.library = "/usr/lib/scanflow/libtorch_train.so";
  EXPECT_EQ(pod_request(plugin).library, "libtorch_train.so");
}

TEST(PodTemplate, SaysImageResourcesAndVolumes) {
  const PodTemplate made = pod_template(request(), kImages);
  const json& spec = made.manifest["spec"];
  const json& container = spec["containers"][0];
  EXPECT_EQ(container["image"], "app:1");
  EXPECT_EQ(container["command"], json({"/scanflow/bin/scanflow-exec", "--serve"}));
  EXPECT_EQ(container["resources"],
            json({{"requests", {{"cpu", "500m"}}}, {"limits", {{"memory", "1000"}}}}));
  EXPECT_EQ(spec["restartPolicy"], "Never");
  EXPECT_EQ(spec["automountServiceAccountToken"], false);
  EXPECT_EQ(made.reuse.uses, 3u);
  EXPECT_EQ(made.reuse.idle_us, 5);
}

TEST(PodTemplate, MountsTheStepsOwnVolumes) {
  protocol::Request own = request();
  own.checkpoints.clear();
  own.pod = R"({"volumes": [{"path": "/data", "host_path": "/srv/digits", "read_only": true},
                            {"path": "/cache", "claim": "weights"},
                            {"path": "/scratch", "bytes": 1024}, {"path": "/room"}]})";
  const PodTemplate made = pod_template(own, kImages);
  const json& spec = made.manifest["spec"];
  EXPECT_EQ(spec["volumes"], json::parse(R"([{"name": "tmp", "emptyDir": {}},
                            {"name": "volume-1", "hostPath": {"path": "/srv/digits"}},
                            {"name": "volume-2", "persistentVolumeClaim": {"claimName": "weights"}},
                            {"name": "volume-3", "emptyDir": {"sizeLimit": "1024"}},
                            {"name": "volume-4", "emptyDir": {}}])"));
  EXPECT_EQ(spec["containers"][0]["volumeMounts"],
            json::parse(R"([{"name": "tmp", "mountPath": "/tmp"},
                            {"name": "volume-1", "mountPath": "/data", "readOnly": true},
                            {"name": "volume-2", "mountPath": "/cache"},
                            {"name": "volume-3", "mountPath": "/scratch"},
                            {"name": "volume-4", "mountPath": "/room"}])"));
  EXPECT_NE(made.hash, pod_template(request(), kImages).hash);
  protocol::Request secret = request();
  secret.pod = R"({"secrets": {"TOKEN": {"name": "login", "key": "token"}}})";
  EXPECT_EQ(pod_template(secret, kImages).secrets["TOKEN"]["name"], "login");
  EXPECT_NE(pod_template(secret, kImages).hash, pod_template(request(), kImages).hash)
      << "a kept Pod has the secrets of its own steps alone";
}

TEST(PodTemplate, PluginsRunInTheWorkersImageAndCommandsWithoutOneInTheDefault) {
  protocol::Request plugin = request();
  plugin.uses = "torch.train";
  plugin.pod = "{}";
  const json container = pod_template(plugin, kImages).manifest["spec"]["containers"][0];
  EXPECT_EQ(container["image"], "worker:1");
  EXPECT_EQ(container["command"], json({"scanflow-worker", "serve"}));
  protocol::Request command = request();
  command.pod.clear();
  const PodTemplate made = pod_template(command, kImages);
  EXPECT_EQ(made.manifest["spec"]["containers"][0]["image"], "python:1");
  EXPECT_EQ(made.reuse.uses, 1u) << "not kept";
}

TEST(PodTemplate, EqualOnesShareAHashAndOthersDoNot) {
  const std::string hash = pod_template(request(), kImages).hash;
  protocol::Request same = request();
  same.id = {"r1", "another", 1};
  same.config = R"({"argv": ["false"]})";
  EXPECT_EQ(pod_template(same, kImages).hash, hash);
  protocol::Request other = request();
  other.pod = R"({"image": "app:2"})";
  EXPECT_NE(pod_template(other, kImages).hash, hash);
  EXPECT_NE(pod_template(request(), {"sidecar:2", "worker:1", "python:1"}).hash, hash);
}

TEST(PodTemplate, WhatThePipelineSaysOfThePodGoesOverIt) {
  protocol::Request special = request();
  special.pod =
      R"({"template": {"nodeSelector": {"gpu": "yes"}, "securityContext": {"runAsUser": 7}}})";
  const json spec = pod_template(special, kImages).manifest["spec"];
  EXPECT_EQ(spec["nodeSelector"]["gpu"], "yes");
  EXPECT_EQ(spec["securityContext"]["runAsUser"], 7);
  EXPECT_EQ(spec["securityContext"]["runAsGroup"], 65532);
}

TEST(PodName, IsTheSameForTheSameAttemptAndFitForAName) {
  const std::string name = pod_name(request().id, "state");
  EXPECT_EQ(name, pod_name(request().id, "state"));
  EXPECT_NE(name, pod_name({"r1", "train[lr=0.1]", 3}, "state"));
  EXPECT_NE(name, pod_name(request().id, "elsewhere"));
  EXPECT_THAT(name, testing::MatchesRegex("[a-z][-a-z0-9]{1,61}"));
}

}  // namespace
}  // namespace scanflow::backend
