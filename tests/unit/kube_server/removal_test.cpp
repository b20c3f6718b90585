// How objects end: grace, finalizers, owners, namespaces.
#include <gmock/gmock.h>

#include "tests/support/kube/kubelet.hpp"
#include "tests/unit/kube_server/fixture.hpp"

namespace scanflow::test::kube {
namespace {

class RemovalTest : public KubeTest {
 protected:
  json owned_by(const json& owner, json object) {
    object["metadata"]["ownerReferences"] = json::array({{{"apiVersion", owner["apiVersion"]},
                                                          {"kind", owner["kind"]},
                                                          {"name", owner["metadata"]["name"]},
                                                          {"uid", owner["metadata"]["uid"]}}});
    return object;
  }
  bool exists(const std::string& path) { return !server_.get(path).is_null(); }
};

TEST_F(RemovalTest, PodsOfAConfigMapGoWithIt) {
  const json owner = server_.create(map_of("run", {}));
  server_.create(owned_by(owner, pod_of("p")));
  EXPECT_EQ(client_.ask("DELETE", kMaps + "/run").status, 200);
  EXPECT_FALSE(exists(kPods + "/p"));
  server_.create(owned_by(owner, pod_of("late")));
  EXPECT_FALSE(exists(kPods + "/late")) << "its owner is gone already";
}

TEST_F(RemovalTest, OrphansStay) {
  const json owner = server_.create(map_of("run", {}));
  server_.create(owned_by(owner, pod_of("p")));
  client_.ask("DELETE", kMaps + "/run", {{"propagationPolicy", "Orphan"}});
  EXPECT_FALSE(exists(kMaps + "/run"));
  EXPECT_FALSE(server_.get(kPods + "/p")["metadata"].contains("ownerReferences"));
}

TEST_F(RemovalTest, InTheForegroundTheOwnerWaits) {
  Kubelet kubelet(server_);
  kubelet.script({.pod = "p", .lingers = true});
  const json owner = server_.create(map_of("run", {}));
  server_.create(owned_by(owner, pod_of("p")));
  client_.ask("DELETE", kMaps + "/run", {{"propagationPolicy", "Foreground"}});
  EXPECT_TRUE(server_.get(kMaps + "/run")["metadata"].contains("deletionTimestamp"));
  client_.ask("DELETE", kPods + "/p", {{"gracePeriodSeconds", 0}});
  EXPECT_FALSE(exists(kMaps + "/run"));
}

TEST_F(RemovalTest, AFinalizerKeepsAnObject) {
  json map = map_of("m", {});
  map["metadata"]["finalizers"] = {"test/keep"};
  server_.create(map);
  client_.ask("DELETE", kMaps + "/m");
  EXPECT_TRUE(server_.get(kMaps + "/m")["metadata"].contains("deletionTimestamp"));
  client_.ask("PATCH", kMaps + "/m", {{"metadata", {{"finalizers", nullptr}}}}, kMerge);
  EXPECT_FALSE(exists(kMaps + "/m"));
}

TEST_F(RemovalTest, PreconditionsMustHold) {
  make_maps({"m"});
  const Given refused =
      client_.ask("DELETE", kMaps + "/m", {{"preconditions", {{"uid", "other"}}}});
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body()["message"].get<std::string>(),
              testing::HasSubstr("Precondition failed: UID in precondition: other"));
  EXPECT_TRUE(exists(kMaps + "/m"));
}

TEST_F(RemovalTest, APodThatRunsHasGraceAndNoneByForce) {
  Kubelet kubelet(server_);
  kubelet.script({.lingers = true});
  server_.create(pod_of("p"));
  const json ending = client_.ask("DELETE", kPods + "/p", {{"gracePeriodSeconds", 7}}).body();
  EXPECT_EQ(ending["metadata"]["deletionGracePeriodSeconds"], 7);
  EXPECT_TRUE(exists(kPods + "/p"));
  client_.ask("DELETE", kPods + "/p", {{"gracePeriodSeconds", 0}});
  EXPECT_FALSE(exists(kPods + "/p"));
}

TEST_F(RemovalTest, ACollectionThatIsSelected) {
  server_.create(pod_of("a", {{"run", "1"}}));
  server_.create(pod_of("b", {{"run", "2"}}));
  client_.ask("DELETE", kPods + "?labelSelector=run%3D1");
  EXPECT_FALSE(exists(kPods + "/a"));
  EXPECT_TRUE(exists(kPods + "/b"));
}

TEST_F(RemovalTest, ANamespaceEndsWithAllThatIsInIt) {
  Kubelet kubelet(server_);
  kubelet.script({.lingers = true});
  server_.create(namespace_of("n"));
  json pod = pod_of("p");
  pod["metadata"]["namespace"] = "n";
  server_.create(pod);
  client_.ask("DELETE", "/api/v1/namespaces/n");
  EXPECT_EQ(server_.get("/api/v1/namespaces/n")["status"]["phase"], "Terminating");
  const Given refused = client_.ask("POST", "/api/v1/namespaces/n/pods", pod_of("x"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.body()["message"],
            "pods \"x\" is forbidden: unable to create new content in namespace n because it is "
            "being terminated");
  EXPECT_EQ(refused.body()["details"]["causes"][0]["reason"], "NamespaceTerminating");
  kubelet.go_on("n/p");
  EXPECT_FALSE(exists("/api/v1/namespaces/n"));
}

}  // namespace
}  // namespace scanflow::test::kube
