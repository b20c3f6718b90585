// Patches, by themselves and over HTTP; who owns which fields.
#include "tests/support/kube/patch.hpp"

#include <gmock/gmock.h>

#include "tests/unit/kube_server/fixture.hpp"

namespace scanflow::test::kube {
namespace {

using testing::HasSubstr;

TEST(StrategicPatch, MergesListsByTheirKeys) {
  const json pod = {
      {"containers", json::array({{{"name", "a"},
                                   {"image", "1"},
                                   {"env", json::array({{{"name", "x"}, {"value", "1"}}})}},
                                  {{"name", "b"}, {"image", "2"}}})},
      {"args", {"one", "two"}},
      {"finalizers", {"f"}}};
  const json patch = {
      {"containers",
       json::array({{{"name", "a"}, {"env", json::array({{{"name", "y"}, {"value", "2"}}})}},
                    {{"name", "b"}, {"$patch", "delete"}},
                    {{"name", "c"}, {"image", "3"}}})},
      {"args", {"three"}},
      {"finalizers", {"g"}}};
  const json merged = strategically_merged(pod, patch);
  EXPECT_EQ(merged["containers"].size(), 2u);
  EXPECT_EQ(merged["containers"][0]["image"], "1");
  EXPECT_EQ(merged["containers"][0]["env"].size(), 2u);
  EXPECT_EQ(merged["containers"][1]["name"], "c");
  EXPECT_EQ(merged["args"], json({"three"}));
  EXPECT_EQ(merged["finalizers"], json({"f", "g"}));
}

TEST(StrategicPatch, RemovesReplacesAndListsPlainValues) {
  const json object = {{"a", 1}, {"b", {{"c", 1}, {"d", 2}}}, {"finalizers", {"f", "g"}}};
  EXPECT_EQ(strategically_merged(object, {{"a", nullptr}})["b"], object["b"]);
  EXPECT_FALSE(strategically_merged(object, {{"a", nullptr}}).contains("a"));
  EXPECT_EQ(strategically_merged(object, {{"b", {{"$patch", "replace"}, {"e", 3}}}})["b"],
            json({{"e", 3}}));
  EXPECT_EQ(
      strategically_merged(object, {{"$deleteFromPrimitiveList/finalizers", {"f"}}})["finalizers"],
      json::array({"g"}));
}

class PatchTest : public KubeTest {
 protected:
  Given apply(const std::string& manager, const json& data, const std::string& more = "") {
    return client_.ask("PATCH", kMaps + "/m?fieldManager=" + manager + more, map_of("m", data),
                       "application/apply-patch+yaml");
  }
};

TEST_F(PatchTest, AJsonPatchIsAppliedOrRefused) {
  make_maps({"m"});
  const std::string type = "application/json-patch+json";
  const json add = json::array({{{"op", "add"}, {"path", "/data"}, {"value", {{"x", "1"}}}}});
  EXPECT_EQ(client_.ask("PATCH", kMaps + "/m", add, type).body()["data"]["x"], "1");
  const json test = json::array({{{"op", "test"}, {"path", "/data/x"}, {"value", "2"}}});
  EXPECT_EQ(client_.ask("PATCH", kMaps + "/m", test, type).status, 422);
  EXPECT_EQ(client_.ask("PATCH", kMaps + "/m", json::object(), type).status, 400);
  EXPECT_EQ(client_.ask("PATCH", kMaps + "/none", add, type).status, 404);
}

TEST_F(PatchTest, AStalePatchConflicts) {
  make_maps({"m"});
  const json patch = {{"metadata", {{"resourceVersion", "1"}}}, {"data", {{"x", "1"}}}};
  EXPECT_EQ(client_.ask("PATCH", kMaps + "/m", patch, kMerge).status, 409);
}

TEST_F(PatchTest, AppliedFieldsAreOwnedUntilForcedAndGoWithTheirOwner) {
  EXPECT_EQ(apply("one", {{"x", "1"}, {"y", "1"}}).status, 201);
  EXPECT_EQ(apply("one", {{"x", "1"}, {"y", "1"}}).status, 200);
  EXPECT_EQ(apply("two", {{"x", "1"}}).status, 200) << "the same value is shared";
  const Given conflict = apply("two", {{"x", "2"}});
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(conflict.body()["details"]["causes"][0]["field"], ".data.x");
  EXPECT_EQ(apply("two", {{"x", "2"}}, "&force=true").body()["data"]["x"], "2");
  const json left = apply("one", json::object()).body();
  EXPECT_EQ(left["data"], json({{"x", "2"}})) << "y was one's alone";
  EXPECT_EQ(
      client_.ask("PATCH", kMaps + "/m", map_of("m", {}), "application/apply-patch+yaml").status,
      422)
      << "a manager must be said";
}

TEST_F(PatchTest, AnUpdateTakesFieldsOver) {
  apply("one", {{"x", "1"}});
  client_.ask("PATCH", kMaps + "/m?fieldManager=other", {{"data", {{"x", "2"}}}}, kMerge);
  const Given conflict = apply("one", {{"x", "1"}});
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(conflict.body()["message"],
            "Apply failed with 1 conflict: conflict with \"other\" using v1: .data.x");
}

TEST_F(PatchTest, CustomResourcesKnowNoStrategicPatch) {
  server_.create({{"apiVersion", "keda.sh/v1alpha1"},
                  {"kind", "ScaledObject"},
                  {"metadata", {{"name", "s"}}},
                  {"spec", {{"maxReplicaCount", 3}}}});
  const std::string path = "/apis/keda.sh/v1alpha1/namespaces/default/scaledobjects/s";
  const json patch = {{"spec", {{"maxReplicaCount", 4}}}};
  EXPECT_EQ(client_.ask("PATCH", path, patch, "application/strategic-merge-patch+json").status,
            415);
  const json merged = client_.ask("PATCH", path, patch, kMerge).body();
  EXPECT_EQ(merged["spec"]["maxReplicaCount"], 4);
  EXPECT_EQ(merged["metadata"]["generation"], 2);
}

TEST_F(PatchTest, APodsSpecMayHardlyChange) {
  server_.create(pod_of("p"));
  const json patch = {{"spec", {{"restartPolicy", "Always"}}}};
  const Given refused = client_.ask("PATCH", kPods + "/p", patch, kMerge);
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.body()["message"].get<std::string>(),
              HasSubstr("pod updates may not change fields other than"));
}

}  // namespace
}  // namespace scanflow::test::kube
