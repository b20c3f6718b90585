// Who may do what, and what they are told who may not.
#include <gmock/gmock.h>

#include "tests/unit/kube_server/fixture.hpp"

namespace scanflow::test::kube {
namespace {

class RightsTest : public KubeTest {
 protected:
  void SetUp() override {
    server_.create(
        {{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", {{"name", "engine"}}}});
  }
  void allow(const json& rules, const std::string& kind = "Role") {
    const std::string api = "rbac.authorization.k8s.io/v1";
    server_.create(
        {{"apiVersion", api}, {"kind", kind}, {"metadata", {{"name", "r"}}}, {"rules", rules}});
    server_.create(
        {{"apiVersion", api},
         {"kind", kind + "Binding"},
         {"metadata", {{"name", "r"}}},
         {"roleRef", {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", kind}, {"name", "r"}}},
         {"subjects",
          json::array(
              {{{"kind", "ServiceAccount"}, {"name", "engine"}, {"namespace", "default"}}})}});
  }
  Client engine() {
    const Answer made =
        server_.ask("POST", "/api/v1/namespaces/default/serviceaccounts/engine/token",
                    {{"spec", {{"expirationSeconds", 600}}}});
    return Client(server_, made.body["status"]["token"].get<std::string>());
  }
};

TEST_F(RightsTest, ARoleAllowsWhatItSaysAndNoMore) {
  allow(json::array(
      {{{"apiGroups", {""}}, {"resources", {"pods"}}, {"verbs", {"get", "list"}}},
       {{"apiGroups", {""}},
        {"resources", {"configmaps"}},
        {"resourceNames", {"mine"}},
        {"verbs", {"get"}}},
       {{"apiGroups", {""}}, {"resources", {"pods/eviction"}}, {"verbs", {"create"}}}}));
  const Client client = engine();
  EXPECT_EQ(client.ask("GET", kPods).status, 200);
  EXPECT_EQ(client.ask("GET", kPods + "?watch=1").status, 403);
  EXPECT_EQ(client.ask("GET", "/api/v1/pods").status, 403) << "a Role is of one namespace";
  EXPECT_EQ(client.ask("GET", kMaps + "/mine").status, 404) << "it may ask for it";
  EXPECT_EQ(client.ask("GET", kMaps + "/others").status, 403);
  EXPECT_EQ(client.ask("POST", kPods + "/p/eviction", json::object()).status, 404);
  const Given refused = client.ask(
      "PATCH", "/apis/apps/v1/namespaces/default/deployments/web/scale", json::object(), kMerge);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.body()["message"],
            "deployments.apps \"web\" is forbidden: User \"system:serviceaccount:default:engine\" "
            "cannot patch resource \"deployments/scale\" in API group \"apps\" in the namespace "
            "\"default\"");
}

TEST_F(RightsTest, AClusterRoleHoldsEverywhere) {
  allow(json::array({{{"apiGroups", {"*"}}, {"resources", {"*"}}, {"verbs", {"list"}}}}),
        "ClusterRole");
  const Client client = engine();
  EXPECT_EQ(client.ask("GET", "/api/v1/pods").status, 200);
  EXPECT_EQ(client.ask("GET", "/api/v1/nodes").status, 200);
  const Given refused = client.ask("DELETE", "/api/v1/nodes/a");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body()["message"].get<std::string>(),
              testing::EndsWith("at the cluster scope"));
}

TEST_F(RightsTest, ATokenEnds) {
  std::int64_t now_s = 1'000'000;
  ServerOptions options = without_bookmarks();
  options.cluster.now_s = [&] { return now_s; };
  KubeServer server(options);
  const Answer made = server.ask("POST", "/api/v1/namespaces/default/serviceaccounts/default/token",
                                 {{"spec", {{"expirationSeconds", 600}}}});
  EXPECT_EQ(made.body["status"]["expirationTimestamp"], "1970-01-12T13:56:40Z");
  const Client client(server, made.body["status"]["token"].get<std::string>());
  EXPECT_EQ(client.ask("GET", "/version").status, 200);
  server.with([&](Cluster& /*locked*/) { now_s += 600; });
  EXPECT_EQ(client.ask("GET", "/version").status, 401);
}

TEST_F(RightsTest, ReviewsSayWhoMayWhat) {
  allow(json::array({{{"apiGroups", {""}}, {"resources", {"pods"}}, {"verbs", {"get"}}}}));
  const auto review = [&](const std::string& verb) {
    const json spec = {
        {"resourceAttributes", {{"namespace", "default"}, {"verb", verb}, {"resource", "pods"}}}};
    return engine()
        .ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {{"spec", spec}})
        .body()["status"]["allowed"]
        .get<bool>();
  };
  EXPECT_TRUE(review("get"));
  EXPECT_FALSE(review("create"));
  const json token = client_
                         .ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews",
                              {{"spec", {{"token", server_.admin_token()}}}})
                         .body();
  EXPECT_EQ(token["status"]["authenticated"], true);
  EXPECT_EQ(token["status"]["user"]["username"], "kubernetes-admin");
  const json rules = engine()
                         .ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
                              {{"spec", {{"namespace", "default"}}}})
                         .body();
  EXPECT_EQ(rules["status"]["resourceRules"].size(), 1u);
  const json self =
      engine()
          .ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", json::object())
          .body();
  EXPECT_EQ(self["status"]["userInfo"]["username"], "system:serviceaccount:default:engine");
}

}  // namespace
}  // namespace scanflow::test::kube
