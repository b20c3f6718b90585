#include "engine/podman/manifest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace scanflow::podman {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json pod(const char* volumes, const char* app = "{}") {
  json manifest = json::parse(R"({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p1"}})");
  manifest["spec"]["volumes"] = json::parse(volumes);
  json container = json::parse(app);
  container["name"] = "app";
  manifest["spec"]["containers"] = json::array({container});
  return manifest;
}

TEST(Manifest, GivesEachPodItsOwnEmptyDir) {
  json manifest = pod(R"([{"name": "scanflow", "emptyDir": {}},
                          {"name": "data", "hostPath": {"path": "/d"}}])",
                      R"({"volumeMounts": [{"name": "scanflow", "mountPath": "/scanflow"},
                                           {"name": "data", "mountPath": "/data"}]})");
  manifest["spec"]["initContainers"] = manifest["spec"]["containers"];
  const auto changed = for_podman(manifest);
  ASSERT_TRUE(changed) << changed.error().message;
  EXPECT_EQ((*changed)["spec"]["volumes"][0]["name"], "scanflow-p1");
  EXPECT_EQ((*changed)["spec"]["volumes"][1]["name"], "data");
  for (const char* kind : {"containers", "initContainers"}) {
    const json& mounts = (*changed)["spec"][kind][0]["volumeMounts"];
    EXPECT_EQ(mounts[0]["name"], "scanflow-p1") << kind;
    EXPECT_EQ(mounts[0]["mountPath"], "/scanflow") << kind;
    EXPECT_EQ(mounts[1]["name"], "data") << kind;
  }
}

TEST(Manifest, OfAPodWithoutVolumesStaysAsItIs) {
  json manifest = pod("[]");
  manifest["spec"].erase("volumes");
  EXPECT_EQ(*for_podman(manifest), manifest);
}

TEST(Manifest, WithInitContainersStartsNothingAgainThatHasDoneItsWork) {
  json manifest = pod("[]");
  const auto policy = [&] { return for_podman(manifest)->at("spec").value("restartPolicy", ""); };
  EXPECT_EQ(policy(), "");
  manifest["spec"]["initContainers"] = manifest["spec"]["containers"];
  EXPECT_EQ(policy(), "OnFailure");
  manifest["spec"]["restartPolicy"] = "Always";
  EXPECT_EQ(policy(), "OnFailure");
  manifest["spec"]["restartPolicy"] = "Never";
  EXPECT_EQ(policy(), "Never");
}

TEST(Manifest, AsksForNoLimitThatCannotBeKept) {
  const json manifest = pod("[]", R"({"resources": {"limits": {"memory": "1Gi", "cpu": 1},
                                                    "requests": {"memory": "1Gi", "cpu": 1}}})");
  const auto resources = [&](const std::vector<std::string>& unlimited) {
    return (*for_podman(manifest, unlimited))["spec"]["containers"][0]["resources"].dump();
  };
  EXPECT_EQ(resources({"cpu", "pids"}),
            R"({"limits":{"memory":"1Gi"},"requests":{"memory":"1Gi"}})");
  EXPECT_EQ(resources({"memory", "cpu", "pids"}), R"({"limits":{},"requests":{}})");
  EXPECT_TRUE(for_podman(pod("[]"), {"memory"}));
}

TEST(Manifest, LosesAnnotationsThatPodmanRefuses) {
  const json pod = {
      {"kind", "Pod"},
      {"metadata",
       {{"name", "a"}, {"annotations", {{"short", "x"}, {"long", std::string(64, 'x')}}}}},
      {"spec", {{"containers", json::array()}}}};
  const auto made = for_podman(pod);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ((*made)["metadata"]["annotations"], json({{"short", "x"}}));
}

TEST(Manifest, WithSecretsIsRefused) {
  EXPECT_THAT(for_podman(pod(R"([{"name": "s", "secret": {"secretName": "k"}}])")).error().message,
              HasSubstr("volume s): mount a file by hostPath"));
  EXPECT_THAT(
      for_podman(
          pod("[]", R"({"env": [{"name": "T", "valueFrom": {"secretKeyRef": {"name": "k"}}}]})"))
          .error()
          .message,
      HasSubstr("container app"));
  EXPECT_FALSE(for_podman(pod("[]", R"({"envFrom": [{"secretRef": {"name": "k"}}]})")));
  EXPECT_TRUE(for_podman(pod("[]", R"({"env": [{"name": "T", "value": "v"}]})")));
}

TEST(Manifest, ThatIsNoPodIsRefused) {
  EXPECT_FALSE(name_of(json::parse(R"({"kind": "Job", "metadata": {"name": "a"}})")));
  EXPECT_FALSE(name_of(json::parse(R"({"kind": "Pod"})")));
  EXPECT_FALSE(name_of(json::parse("[]")));
  EXPECT_FALSE(for_podman(
      json::parse(R"({"kind": "Pod", "metadata": {"name": "a"}, "spec": {"volumes": 7}})")));
  EXPECT_FALSE(for_podman(json::parse(R"({"kind": 7})")));
  EXPECT_FALSE(for_podman(json::parse(R"({"kind": "Pod", "metadata": {"name": "a"}})")));
  json manifest = pod("[]");
  manifest["spec"]["hostNetwork"] = "yes";
  EXPECT_FALSE(for_podman(manifest));
}

TEST(Manifest, HasANameThatIsNoPath) {
  for (const char* name : {"", "../a", "a/b", "-a", "A"}) {
    json manifest = pod("[]");
    manifest["metadata"]["name"] = name;
    EXPECT_FALSE(name_of(manifest)) << name;
  }
  EXPECT_EQ(*name_of(pod("[]")), "p1");
}

}  // namespace
}  // namespace scanflow::podman
