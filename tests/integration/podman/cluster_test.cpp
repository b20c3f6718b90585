// Pipelines whose steps are Pods of a cluster, and primitives of its objects: an API server that behaves as a real one
// was recorded to, with a node that really runs its Pods, by podman. Or the cluster of $KUBECONFIG, in a namespace of
// their own, where $SCANFLOW_TEST_REGISTRY says what stands before the names of our images there (scanflow-sidecar:latest
// and others; deploy/docker/build, then podman push), and $SCANFLOW_HUB_ADVERTISE how its Pods reach this machine.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "engine/kube/client.hpp"
#include "tests/integration/podman/pod_backend.hpp"
#include "tests/integration/podman/scenarios.hpp"
#include "tests/support/kube/controllers.hpp"
#include "tests/support/podman_node.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using scanflow::kube::Kind;

const Kind kDeployment{"apps", "v1", "deployments", "Deployment"};

std::string from_env(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// What stands in for a cluster.
class TestCluster {
 public:
  TestCluster(const TempDir& files, podman::Podman podman)
      : kubeconfig_(files.write("kubeconfig", server_.kubeconfig(server_.admin_token()))),
        node_(server_, std::move(podman), files / "node") {}
  const std::string& kubeconfig() const { return kubeconfig_; }

 private:
  kube::KubeServer server_;
  std::string kubeconfig_;
  PodmanNode node_;
  kube::Controllers controllers_{server_};
};

class ClusterTest : public testing::Test, protected Scenarios {
 protected:
  void SetUp() override {
    if (!is_real()) stand_in();
    if (IsSkipped() || HasFatalFailure()) return;
    auto opened = scanflow::kube::Client::open_at({cluster_ ? cluster_->kubeconfig() : "", ""});
    ASSERT_TRUE(opened) << opened.error().message;
    client_ = *opened;
    create(scanflow::kube::kinds::kNamespace,
           {{"apiVersion", "v1"},
            {"kind", "Namespace"},
            {"metadata",
             {{"name", name_space_},
              {"labels", {{"pod-security.kubernetes.io/enforce", "restricted"}}}}}},
           "");
  }
  void TearDown() override {
    if (!client_) return;
    // An old kubelet (1.20) takes a minute for one that was deleted while it started.
    EXPECT_TRUE(eventually([&] { return !any_pod(); }, kPatience)) << "Pods stay";
    EXPECT_TRUE(eventually([&] { return count(scanflow::kube::kinds::kSecret) == 0; }, kPatience))
        << "keys of Pods stay";
    (void)client_->remove(scanflow::kube::kinds::kNamespace, "", name_space_);
  }

  static bool is_real() {
    return !from_env("KUBECONFIG").empty() && !from_env("SCANFLOW_TEST_REGISTRY").empty();
  }
  void stand_in() {
    auto podman = podman_here(files_ / "podman");
    if (!podman) GTEST_SKIP() << podman.error().message;
    static const Output built = build_images({"sidecar", "python"});  // once
    ASSERT_EQ(built.exit, 0) << built.err;
    unlimited_ = podman::no_limits(podman->settings());
    cluster_ = std::make_unique<TestCluster>(files_, std::move(*podman));
  }
  static std::string image(const std::string& kind) {
    if (!is_real()) return fmt::format("{}-{}:latest", kImages, kind);
    const std::string tag = from_env("SCANFLOW_TEST_TAG");
    return fmt::format("{}scanflow-{}:{}", from_env("SCANFLOW_TEST_REGISTRY"), kind,
                       tag.empty() ? "latest" : tag);
  }

  std::string backend() const override { return "kubernetes"; }
  Program::Environment environment() const override {
    Program::Environment all = {{"SCANFLOW_KUBE_NAMESPACE", name_space_},
                                {"SCANFLOW_SIDECAR_IMAGE", image("sidecar")},
                                {"SCANFLOW_WORKER_IMAGE", image("worker")},
                                {"SCANFLOW_COMMAND_IMAGE", image("python")}};
    if (!cluster_) return all;
    all["KUBECONFIG"] = cluster_->kubeconfig();
    all["SCANFLOW_HUB_ADVERTISE"] = podman::Podman::kHost;
    return all;
  }
  Program::Environment with_worker() const override {
    if (cluster_) {
      const Output built = build_images({"worker"});
      EXPECT_EQ(built.exit, 0) << built.err;
    }
    return environment();
  }
  std::string unlimited() const override { return unlimited_; }
  bool meets() const override { return cluster_ == nullptr || ::geteuid() == 0; }
  bool any_pod() const override { return count(scanflow::kube::kinds::kPod) > 0; }

  /// Of the engine's.
  std::size_t count(const Kind& kind) const {
    const auto list =
        client_->list(kind, name_space_, {.labels = "app.kubernetes.io/managed-by=scanflow"});
    EXPECT_TRUE(list) << list.error().message;
    return list ? list->items.size() : 0;
  }
  void create(const Kind& kind, const json& object, const std::string& name_space) {
    const auto made = client_->create(kind, name_space, object);
    ASSERT_TRUE(made) << made.error().message;
  }
  /// Succeeds.
  void send(std::vector<std::string> words) const {
    words.insert(words.begin(), {"primitive", "send"});
    const Output sent = scanflow_(words, environment());
    EXPECT_EQ(sent.exit, 0) << sent.out << sent.err;
  }
  std::vector<json> web_pods() const {
    const auto list =
        client_->list(scanflow::kube::kinds::kPod, name_space_, {.labels = "app=web"});
    return list ? list->items : std::vector<json>();
  }
  bool web_runs(std::size_t replicas) const {
    return eventually(
        [&] {
          const auto pods = web_pods();
          return pods.size() == replicas &&
                 std::all_of(pods.begin(), pods.end(), [](const json& pod) {
                   return pod["status"].value("phase", "") == "Running" &&
                          !pod["metadata"].contains("deletionTimestamp");
                 });
        },
        kPatience);
  }

  static inline int spaces_ = 0;
  const RuntimeDirectory runtime_{scanflow_.files().path()};
  const TempDir files_;
  /// A cluster takes its time to remove one.
  const std::string name_space_ = fmt::format("scanflow-test-{}-{}", ::getpid(), ++spaces_);
  std::string unlimited_;
  std::unique_ptr<TestCluster> cluster_;  // null: it is real
  std::shared_ptr<scanflow::kube::Client> client_;
};

TEST_F(ClusterTest, ArtifactsOutputsMetricsAndLogsPassBetweenPods) { pass_between_pods(); }

TEST_F(ClusterTest, AStepThatEatsTooMuchSaysSoWithItsPostMortem) { eat_too_much(); }

TEST_F(ClusterTest, TheEngineIsKilledAndTheNextGoesOnWithItsPods) { kill_the_engine(); }

TEST_F(ClusterTest, RanksOfAGangMeetEachInAPod) { meet(); }
TEST_F(ClusterTest, AnotherPodGoesOnFromWhatAKilledOneHasLeft) { go_on(); }

TEST_F(ClusterTest, TheMnistPipelineTrainsInPodsAndIsSteeredThere) { train_mnist(); }

TEST_F(ClusterTest, ASecretOfTheClusterReachesTheStepAndNobodyElse) {
  const std::string value = "correct horse battery";
  create(scanflow::kube::kinds::kSecret,
         {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"metadata", {{"name", "registry.login"}}},
          {"stringData", {{"pass.word", value}}}},
         name_space_);
  use_secret("registry.login", "pass.word", value);
}

TEST_F(ClusterTest, ADeploymentIsScaledResizedRestartedAndEvictedFrom) {
  const json container = {{"name", "main"},
                          {"image", image("python")},
                          {"command", {"sleep", "3600"}},
                          {"resources", {{"requests", {{"cpu", "50m"}, {"memory", "32Mi"}}}}},
                          {"securityContext",
                           {{"allowPrivilegeEscalation", false},
                            {"capabilities", {{"drop", {"ALL"}}}},
                            {"runAsNonRoot", true},
                            {"runAsUser", 65532},
                            {"seccompProfile", {{"type", "RuntimeDefault"}}}}}};
  create(
      kDeployment,
      {{"apiVersion", "apps/v1"},
       {"kind", "Deployment"},
       {"metadata", {{"name", "web"}}},
       {"spec",
        {{"replicas", 1},
         {"selector", {{"matchLabels", {{"app", "web"}}}}},
         {"template",
          {{"metadata", {{"labels", {{"app", "web"}}}}},
           {"spec",
            {{"containers", json::array({container})}, {"terminationGracePeriodSeconds", 1}}}}}}}},
      name_space_);
  ASSERT_TRUE(web_runs(1));
  send({"deployment/web", "scale", "replicas=2"});
  ASSERT_TRUE(web_runs(2));
  send({"pod/" + web_pods().at(0)["metadata"]["name"].get<std::string>(), "resize", "cpu=60m"});
  send({"deployment/web", "rollout_restart"});
  ASSERT_TRUE(web_runs(2));
  send({"pod/" + web_pods().at(0)["metadata"]["name"].get<std::string>(), "evict"});
  EXPECT_TRUE(web_runs(2));
}

}  // namespace
}  // namespace scanflow::test
