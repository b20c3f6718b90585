// The server as clients see it: what is made is there, listed, watched, changed, and gone.
#include "tests/support/kube/server.hpp"

#include <gmock/gmock.h>

#include "tests/unit/kube_server/fixture.hpp"

namespace scanflow::test::kube {
namespace {

using testing::HasSubstr;

class KubeServerTest : public KubeTest {};

TEST_F(KubeServerTest, AnObjectIsMadeReadChangedAndRemoved) {
  const Given made = client_.ask("POST", kMaps, map_of("a", {{"x", "1"}}));
  EXPECT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(made.headers.at("content-type"), "application/json");
  EXPECT_EQ(client_.ask("POST", kMaps, map_of("a", {})).status, 409);
  json read = client_.ask("GET", kMaps + "/a").body();
  EXPECT_EQ(read["data"]["x"], "1");
  read["data"]["x"] = "2";
  EXPECT_EQ(client_.ask("PUT", kMaps + "/a", read).status, 200);
  EXPECT_EQ(client_.ask("PUT", kMaps + "/a", read).status, 409) << "its version is stale";
  const Given gone = client_.ask("DELETE", kMaps + "/a");
  EXPECT_EQ(gone.body()["status"], "Success");
  EXPECT_EQ(client_.ask("GET", kMaps + "/a").status, 404);
}

TEST_F(KubeServerTest, NamesAreGeneratedAndNamespacesMustExist) {
  json manifest = map_of("", {});
  manifest["metadata"] = {{"generateName", "run-"}};
  const json made = client_.ask("POST", kMaps, manifest).body();
  EXPECT_THAT(made["metadata"]["name"].get<std::string>(),
              testing::MatchesRegex("run-[a-z0-9]{5}"));
  const Given nowhere =
      client_.ask("POST", "/api/v1/namespaces/nowhere/configmaps", map_of("a", {}));
  EXPECT_EQ(nowhere.status, 404);
  EXPECT_EQ(nowhere.body()["message"], "namespaces \"nowhere\" not found");
}

TEST_F(KubeServerTest, WithoutAKnownTokenNothingIsSaid) {
  EXPECT_EQ(Client(server_, "wrong").ask("GET", kMaps).status, 401);
  EXPECT_EQ(Client(server_, std::string()).ask("GET", kMaps).status, 401);
}

TEST_F(KubeServerTest, ATokenIsRevokedAndASecretIsEncoded) {
  const std::string token = server_.add_user("ann", {"system:masters"});
  const Client ann(server_, token);
  json secret = {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", "s"}}}};
  secret["stringData"] = {{"password", "abc"}};
  const json made = ann.ask("POST", "/api/v1/namespaces/default/secrets", secret).body();
  EXPECT_EQ(made["data"]["password"], "YWJj");
  server_.with([&](Cluster& cluster) { cluster.users.revoke(token); });
  EXPECT_EQ(ann.ask("GET", kMaps).status, 401);
}

TEST_F(KubeServerTest, AClientCertificateSaysWhoAsks) {
  const Client master(server_, server_.client_certificate("root", {"system:masters"}));
  EXPECT_EQ(master.ask("GET", kMaps).status, 200);
  const Client nobody(server_, server_.client_certificate("nobody"));
  const Given refused = nobody.ask("GET", kMaps);
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body()["message"].get<std::string>(),
              HasSubstr("User \"nobody\" cannot list"));
  const Client stranger(server_, ClientCa().issue("root", {"system:masters"}));
  EXPECT_EQ(stranger.ask("GET", kMaps).status, 401);
}

TEST_F(KubeServerTest, AWatchTellsWhatChangesFromAVersionOn) {
  client_.ask("POST", kMaps, map_of("a", {}));
  const std::string version = client_.ask("GET", kMaps).body()["metadata"]["resourceVersion"];
  client_.ask("POST", kMaps, map_of("b", {}));
  const auto watch = client_.watch(kMaps + "?watch=1&resourceVersion=" + version);
  EXPECT_EQ(next_of(*watch), "ADDED b");
  client_.ask("PATCH", kMaps + "/a", {{"data", {{"y", "1"}}}}, "application/merge-patch+json");
  EXPECT_EQ(next_of(*watch), "MODIFIED a");
  client_.ask("DELETE", kMaps + "/a");
  EXPECT_EQ(next_of(*watch), "DELETED a");
  server_.drop_watches();
  EXPECT_EQ(next_of(*watch), "end");
}

TEST_F(KubeServerTest, AKubeconfigIsWhatAClientNeeds) {
  const std::string text = server_.kubeconfig(server_.admin_token(), "runs");
  EXPECT_THAT(text, HasSubstr("server: " + server_.url()));
  EXPECT_THAT(text, HasSubstr("token: " + server_.admin_token()));
  EXPECT_THAT(text, HasSubstr("namespace: runs"));
  EXPECT_THAT(server_.kubeconfig(server_.client_certificate("a")),
              HasSubstr("client-certificate-data: "));
}

TEST_F(KubeServerTest, WhatIsAskedForIsCounted) {
  client_.ask("GET", kMaps);
  client_.ask("GET", kMaps + "/none");
  const Counters counters = server_.counters();
  EXPECT_EQ(counters.count("list", "configmaps", 200), 1u);
  EXPECT_EQ(counters.count("get", "configmaps", 404), 1u);
  EXPECT_EQ(counters.count(), 2u);
}

}  // namespace
}  // namespace scanflow::test::kube
