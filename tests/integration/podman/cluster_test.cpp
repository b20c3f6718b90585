// Pipelines whose steps are Pods of a cluster: an API server that behaves as a real one was recorded to, and a node
// that really runs them.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/integration/podman/pod_backend.hpp"
#include "tests/support/podman_node.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

class ClusterBackend : public PodBackend {
 protected:
  void SetUp() override {
    PodBackend::SetUp();
    if (IsSkipped()) return;
    kubeconfig_ = files_.write("kubeconfig", server_.kubeconfig(server_.admin_token()));
    auto podman = podman::Podman::open({.directory = files_ / "podman"});
    ASSERT_TRUE(podman) << podman.error().message;
    node_ = std::make_unique<PodmanNode>(server_, std::move(*podman), files_ / "node");
  }
  void TearDown() override {
    if (node_) {
      EXPECT_TRUE(eventually([&] { return objects("pods").empty(); })) << objects("pods");
      EXPECT_TRUE(eventually([&] { return objects("secrets").empty(); })) << objects("secrets");
    }
    node_.reset();
    PodBackend::TearDown();
  }
  std::string backend() const override { return "kubernetes"; }
  Program::Environment environment() const override {
    Program::Environment all = images();
    all["KUBECONFIG"] = kubeconfig_;
    all["SCANFLOW_HUB_ADVERTISE"] = podman::Podman::kHost;
    return all;
  }
  /// Those of an engine that there are, as JSON.
  json objects(const std::string& plural) {
    const auto answer =
        server_.ask("GET", "/api/v1/namespaces/default/" + plural +
                               "?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dscanflow");
    const json list = answer.text.empty() ? answer.body : json::parse(answer.text);
    return list.value("items", json::array());
  }

  const TempDir files_;
  kube::KubeServer server_;
  std::string kubeconfig_;
  std::unique_ptr<PodmanNode> node_;
};

TEST_F(ClusterBackend, ArtifactsOutputsMetricsAndLogsPassBetweenPods) {
  const Output output = run(R"(
  - name: make
    run: |
      mkdir -p $SCANFLOW_ARTIFACTS/data
      echo 42 > $SCANFLOW_ARTIFACTS/data/answer
      echo n=7 >> $SCANFLOW_OUTPUT
      echo 'loss 0.5 step=3' >> $SCANFLOW_METRICS
  - name: use
    needs: [make]
    run: cat $SCANFLOW_INPUT_DATA/answer && echo n is $SCANFLOW_PARAM_N
    with:
      data: ${{ steps.make.artifacts.data }}
      n: ${{ steps.make.outputs.n }}
)");
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  EXPECT_THAT(scanflow_({"runs", "logs", last_run(), "use"}).out, HasSubstr("42\nn is 7\n"));
  const json made = step("make");
  EXPECT_EQ(made.at("pod").at("backend"), "kubernetes") << made;
  EXPECT_EQ(made.at("pod").at("node"), "vm") << made;
}

TEST_F(ClusterBackend, AStepThatEatsTooMuchSaysSoWithItsPostMortem) { eat_too_much(); }

TEST_F(ClusterBackend, TheEngineIsKilledAndTheNextGoesOnWithItsPods) { kill_the_engine(); }

TEST_F(ClusterBackend, TheMnistPipelineTrainsInPodsAndIsSteeredThere) { train_mnist(); }

}  // namespace
}  // namespace scanflow::test
