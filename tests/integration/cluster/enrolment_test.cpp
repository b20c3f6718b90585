// Pods that the engine has not made, and whose sidecars come to its hub: real sidecars and launchers, without a Pod.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/integration/server_support.hpp"
#include "tests/support/kube/server.hpp"
#include "tests/support/results.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class EnrolmentOfPods : public testing::Test {
 protected:
  void TearDown() override {
    write(files_ / "stop", "");
    app_.reset();
    sidecar_.reset();
  }

  /// `token`: by which the engine asks.
  void start(const std::string& token) {
    const std::string config = files_.write("kubeconfig", kube_.kubeconfig(token));
    const Output secret = there_({"hub", "enrol", "shop", "-o", "json"});
    ASSERT_EQ(secret.exit, 0) << secret.err;
    keys_ = json::parse(secret.out)["stringData"];
    server_ = std::make_unique<ServerProgram>(there_, std::vector<std::string>(), 0,
                                              Program::Environment{{"KUBECONFIG", config}});
    const std::string said = "sidecars find the hub on port ";
    ASSERT_TRUE(eventually([&] { return server_->log().find(said) != std::string::npos; }));
    port_ = std::stoi(server_->log().substr(server_->log().find(said) + said.size()));
  }
  std::string token_of(const std::string& name_space, const std::string& uid,
                       const std::string& audience = "scanflow-hub") {
    return kube_.with([&](auto& cluster) {
      return cluster.users.add(kube::pod_of_account(name_space, "default", "web", uid, audience));
    });
  }
  /// As it is injected into the Pod web, with an app that counts.
  void run_pod(const std::string& token) {
    const std::string socket = files_ / "sidecar.sock";
    sidecar_ = std::make_unique<Program>(
        std::vector<std::string>{SCANFLOW_BINARY_DIR "/bin/scanflow-sidecar"},
        Program::Environment{{"SCANFLOW_HUB", fmt::format("tcp://127.0.0.1:{}", port_)},
                             {"SCANFLOW_HUB_KEY", keys_["hub-key"]},
                             {"SCANFLOW_KEY", keys_["key"]},
                             {"SCANFLOW_SECRET_KEY", keys_["secret-key"]},
                             {"SCANFLOW_TOKEN_FILE", files_.write("token", token)},
                             {"SCANFLOW_POD_UID", "uid-web"},
                             {"SCANFLOW_POD_NAME", "web"},
                             {"SCANFLOW_SIDECAR_DIR", files_ / "sidecar"},
                             {"SCANFLOW_SIDECAR_SOCKET", socket}});
    app_ = std::make_unique<Program>(
        std::vector<std::string>{
            SCANFLOW_BINARY_DIR "/bin/scanflow-exec", "--", "sh", "-c",
            fmt::format("until [ -e {} ]; do :; done", (files_ / "stop").string())},
        Program::Environment{{"SCANFLOW_SIDECAR_SOCKET", socket},
                             {"SCANFLOW_RUN", "uid-web"},
                             {"SCANFLOW_STEP", "server"}});
  }
  json shown() const {
    for (const json& each : server_->get("/api/v1/top").value("attempts", json::array()))
      if (each["step"] == "server") return each;
    return {};
  }
  bool is_refused(const std::string& why) const {
    return eventually([&] { return sidecar_->err().find(why) != std::string::npos; });
  }
  Output cli(std::vector<std::string> words) const {
    words.insert(words.end(), {"--server", server_->url()});
    return here_(std::move(words));
  }

  const TempDir files_;
  kube::KubeServer kube_;
  Scanflow there_, here_;
  json keys_;
  int port_ = 0;
  std::unique_ptr<ServerProgram> server_;
  std::unique_ptr<Program> sidecar_, app_;
};

TEST_F(EnrolmentOfPods, TheyAreSeenAndActedOn) {
  start(kube_.admin_token());
  run_pod(token_of("shop", "uid-web") + "\n");
  ASSERT_TRUE(eventually([&] {
    const json now = shown();
    return now.is_object() && now["cpu_cores"].is_number();
  })) << server_->log()
      << sidecar_->err();
  const json web = shown();
  EXPECT_EQ(web["run"], "uid-web");
  EXPECT_EQ(web["pipeline"], "shop");
  EXPECT_EQ(web["pod"], (json{{"name", "web"}, {"injected", true}}));
  const Output paused = cli({"primitive", "send", "pod/web.shop", "server", "pause"});
  EXPECT_EQ(paused.exit, 0) << paused.out << paused.err;
  EXPECT_TRUE(eventually([&] { return shown()["paused"] == true; }));
  EXPECT_EQ(shown()["last"]["primitive"], "pause");
  EXPECT_EQ(cli({"primitive", "send", "pod/web", "server", "resume"}).exit, 0);
  const Output none = cli({"primitive", "send", "pod/other.shop", "server", "pause"});
  EXPECT_EQ(none.exit, 2);
  EXPECT_THAT(none.err, HasSubstr("these do: pod/web.shop server"));
  EXPECT_THAT(cli({"top", "--once"}).out, HasSubstr("server"));
  write(files_ / "stop", "");
  EXPECT_TRUE(eventually([&] { return shown().is_null(); })) << "its container has ended";
}

TEST_F(EnrolmentOfPods, ASidecarWhoseAppHasEndedHasNothingMoreToTell) {
  start(kube_.admin_token());
  run_pod(token_of("shop", "uid-web"));
  ASSERT_TRUE(eventually([&] { return shown().is_object(); })) << sidecar_->err();
  app_->signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return shown().is_null(); }));
  sidecar_->signal(SIGTERM);
  EXPECT_EQ(sidecar_->wait(std::chrono::seconds(5)).exit, 0) << "it waits for what is not told";
}

TEST_F(EnrolmentOfPods, ATokenOfAnotherIsRefusedWithTheReason) {
  start(kube_.admin_token());
  run_pod(token_of("shop", "uid-other"));
  EXPECT_TRUE(is_refused("its token is of Pod web (uid-other), and it says it is web (uid-web)"))
      << sidecar_->err();
  EXPECT_TRUE(shown().is_null());
}

TEST_F(EnrolmentOfPods, ATokenForAnotherAudienceIsRefused) {
  start(kube_.admin_token());
  run_pod(token_of("shop", "uid-web", "another"));
  EXPECT_TRUE(is_refused("token audiences do not match")) << sidecar_->err();
}

TEST_F(EnrolmentOfPods, AnEngineWithoutTheRightSaysWhichItNeeds) {
  start(kube_.add_user("engine"));
  run_pod(token_of("shop", "uid-web"));
  EXPECT_TRUE(is_refused("system:auth-delegator")) << sidecar_->err();
}

TEST_F(EnrolmentOfPods, ANamespaceThatIsExpelledIsNotLetIn) {
  start(kube_.admin_token());
  ASSERT_EQ(there_({"hub", "expel", "shop"}).exit, 0);
  EXPECT_EQ(there_({"hub", "list"}).out, "");
  EXPECT_EQ(there_({"hub", "expel", "shop"}).exit, 2);
  run_pod(token_of("shop", "uid-web"));
  EXPECT_FALSE(eventually([&] { return !shown().is_null(); }, std::chrono::seconds(2)));
}

TEST_F(EnrolmentOfPods, OneThatIsEnrolledWhileItServesIsLetIn) {
  start(kube_.admin_token());
  const Output secret = there_({"hub", "enrol", "bank", "-o", "json"});
  ASSERT_EQ(secret.exit, 0) << secret.err;
  keys_ = json::parse(secret.out)["stringData"];
  run_pod(token_of("bank", "uid-web"));
  ASSERT_TRUE(eventually([&] { return shown().is_object(); })) << sidecar_->err();
  EXPECT_EQ(shown()["pipeline"], "bank");
}

TEST(Hub, TheSecretIsOfItsNamespaceAndTheSameEachTime) {
  const Scanflow scanflow;
  const Output first = scanflow({"hub", "enrol", "shop"});
  ASSERT_EQ(first.exit, 0) << first.err;
  EXPECT_THAT(first.out, AllOf(HasSubstr("kind: Secret"), HasSubstr("namespace: shop"),
                               HasSubstr("name: scanflow-hub"), HasSubstr("secret-key: ")));
  EXPECT_EQ(scanflow({"hub", "enrol", "shop"}).out, first.out);
  EXPECT_NE(scanflow({"hub", "enrol", "bank"}).out, first.out);
  EXPECT_EQ(scanflow({"hub", "list"}).out, "bank\nshop\n");
  EXPECT_EQ(scanflow({"hub", "enrol", "Not_A_Name"}).exit, 2);
  const Output there = scanflow({"hub", "enrol", "shop", "--server", "http://127.0.0.1:1"});
  EXPECT_EQ(there.exit, 3);
  EXPECT_THAT(there.err, HasSubstr("kubectl exec"));
}

}  // namespace
}  // namespace scanflow::test
