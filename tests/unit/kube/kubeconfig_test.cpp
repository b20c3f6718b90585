#include <gmock/gmock.h>

#include "engine/kube/access.hpp"

namespace scanflow::kube {
namespace {

using testing::HasSubstr;

constexpr const char* kUsual = R"(
apiVersion: v1
kind: Config
current-context: ml
contexts:
- {name: ml, context: {cluster: there, user: me, namespace: shop}}
- {name: bare, context: {cluster: there, user: me}}
clusters:
- name: there
  cluster: {server: "https://there:6443", certificate-authority-data: Q0E=, tls-server-name: kubernetes, proxy-url: "http://proxy:3128"}
users:
- name: me
  user: {token: secret}
)";

Result<Access> read(const std::string& text, const std::string& context = "") {
  return read_kubeconfig({{"/home/u/.kube/config", text}}, context);
}
std::string error(const std::string& text, const std::string& context = "") {
  const auto access = read(text, context);
  return access ? "none" : access.error().message;
}
/// A kubeconfig with these fields of its one cluster and user.
std::string with(const std::string& cluster, const std::string& user) {
  return "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
         "clusters: [{name: k, cluster: {" +
         cluster + "}}]\nusers: [{name: u, user: {" + user + "}}]\n";
}

TEST(Kubeconfig, SaysWhereAndWho) {
  const auto access = read(kUsual);
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->server, "https://there:6443");
  EXPECT_EQ(access->name_space, "shop");
  EXPECT_EQ(access->ca.text, "CA");
  EXPECT_EQ(access->server_name, "kubernetes");
  EXPECT_EQ(access->proxy, "http://proxy:3128");
  EXPECT_EQ(access->token.text, "secret");
  EXPECT_EQ(access->origin, "context ml of /home/u/.kube/config");
  EXPECT_EQ(read(kUsual, "bare")->name_space, "default");
}

TEST(Kubeconfig, TakesFilesRelativeToItself) {
  const auto access =
      read(with("server: 'https://k', certificate-authority: ca.crt",
                "client-certificate: /etc/me.crt, client-key: ../me.key, tokenFile: t"));
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->ca.file, "/home/u/.kube/ca.crt");
  EXPECT_EQ(access->certificate.file, "/etc/me.crt");
  EXPECT_EQ(access->key.file, "/home/u/.kube/../me.key");
  EXPECT_EQ(access->token.file, "/home/u/.kube/t");
}

TEST(Kubeconfig, OfSeveralTheFirstToSaySomethingIsRight) {
  const std::vector<KubeconfigFile> files = {
      {"/a/contexts", "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]"},
      {"/b/clusters",
       "current-context: other\nclusters: [{name: k, cluster: {server: 'https://first', "
       "certificate-authority: ca}}]"},
      {"/c/more",
       "clusters: [{name: k, cluster: {server: 'https://second'}}]\nusers: [{name: u, user: "
       "{token: t}}]"}};
  const auto access = read_kubeconfig(files, "");
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->server, "https://first");
  EXPECT_EQ(access->ca.file, "/b/ca");
  EXPECT_EQ(access->token.text, "t");
}

TEST(Kubeconfig, ReadsExecPlugins) {
  const auto access = read(
      with("server: 'https://k'",
           "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login, args: [-x, y], "
           "env: [{name: A, value: b}], installHint: get it, provideClusterInfo: true}"));
  ASSERT_TRUE(access) << access.error().message;
  ASSERT_TRUE(access->exec);
  EXPECT_EQ(access->exec->command, "/home/u/.kube/login");
  EXPECT_THAT(access->exec->args, testing::ElementsAre("-x", "y"));
  EXPECT_THAT(access->exec->env, testing::ElementsAre(testing::Pair("A", "b")));
  EXPECT_TRUE(access->exec->cluster_info);
  EXPECT_EQ(read(with("server: 'https://k'", "exec: {command: login}"))->exec->command, "login")
      << "on PATH";
}

TEST(Kubeconfig, SaysWhatIsWrong) {
  EXPECT_THAT(error("[1]"), HasSubstr("is no kubeconfig"));
  EXPECT_THAT(error("a: [\n"), HasSubstr("/home/u/.kube/config:"));
  EXPECT_THAT(error("apiVersion: v1"), HasSubstr("no current-context"));
  EXPECT_THAT(error(kUsual, "prod"), HasSubstr("there is no context 'prod' (there are: ml, bare)"));
  EXPECT_THAT(error("current-context: a\ncontexts: [{name: a, context: {cluster: gone}}]"),
              HasSubstr("there is no cluster 'gone'"));
  EXPECT_THAT(error(with("a: b", "token: t")), HasSubstr("has no 'server'"));
  EXPECT_THAT(error(with("server: [x]", "token: t")), HasSubstr("'server' must be a text"));
  EXPECT_THAT(error(with("server: 'https://k', certificate-authority-data: '!'", "token: t")),
              HasSubstr("'certificate-authority-data' is not base64"));
  EXPECT_THAT(error(with("server: 'https://k', insecure-skip-tls-verify: true", "token: t")),
              HasSubstr("give the server's CA instead"));
  EXPECT_THAT(error(with("server: 'https://k'", "auth-provider: {name: gcp}")),
              HasSubstr("exec plugin"));
  EXPECT_THAT(error(with("server: 'https://k'", "as: root")), HasSubstr("impersonation"));
  EXPECT_THAT(error(with("server: 'https://k'", "exec: {args: [a]}")), HasSubstr("no 'command'"));
}

}  // namespace
}  // namespace scanflow::kube
