// `resource` steps: objects of a cluster, applied and waited for by pipelines.
#include <gmock/gmock.h>

#include "tests/support/kube/kubelet.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kPod =
    "{apiVersion: v1, kind: Pod, metadata: {name: job}, spec: {restartPolicy: Never, containers: "
    "[{name: main, image: app}]}}";

class ResourceStep : public testing::Test {
 protected:
  std::unique_ptr<Program> start(const std::string& with, const std::string& more = "") {
    const std::string file = scanflow_.files().write(
        "p.yaml",
        pipeline("steps:\n  - name: a\n    uses: resource\n    with: {" + with + "}\n" + more));
    return scanflow_.start({"run", file}, {{"KUBECONFIG", config_}});
  }
  Output run(const std::string& with, const std::string& more = "") {
    return start(with, more)->wait();
  }
  std::string why(const std::string& with) {
    const Output output = run(with);
    EXPECT_EQ(output.exit, 1) << output.out << output.err;
    return output.out + output.err;
  }
  bool is_there(const std::string& path) {
    return server_.get("/api/v1/namespaces/default/" + path).is_object();
  }
  std::string phase() {
    const json pod = server_.get("/api/v1/namespaces/default/pods/job");
    return pod.is_object() ? pod.value("/status/phase"_json_pointer, "") : "";
  }
  std::string logs() { return scanflow_({"runs", "logs", "last"}).out; }

  const TempDir files_;
  kube::KubeServer server_;
  Scanflow scanflow_;
  const std::string config_ = files_.write("kubeconfig", server_.kubeconfig(server_.admin_token()));
};

TEST_F(ResourceStep, AppliesAnObjectAndWaitsForIt) {
  kube::Kubelet kubelet(server_);
  const auto program = start(
      std::string("manifest: ") + kPod +
          ", success: ['{.status.phase} == Succeeded'], failure: ['{.status.phase} == Failed'], "
          "outputs: {node: '{.spec.nodeName}', code: "
          "'{.status.containerStatuses[0].state.terminated.exitCode}'}",
      "  - {name: b, needs: [a], run: 'echo ${{ steps.a.outputs.values.node }} "
      "${{ steps.a.outputs.values.code }} ${{ steps.a.outputs.name }}'}\n");
  ASSERT_TRUE(eventually([&] { return phase() == "Running"; })) << program->err();
  ASSERT_TRUE(eventually([&] {
    return logs().find("{.status.phase} is Running") != std::string::npos;
  })) << logs();
  kubelet.exit("job", "main", 0);
  const Output output = program->wait();
  EXPECT_EQ(output.exit, 0) << output.out << output.err;
  EXPECT_THAT(logs(), AllOf(HasSubstr("applied Pod default/job"), HasSubstr("vm 0 job")));
  EXPECT_TRUE(is_there("pods/job")) << "it stays";
}

TEST_F(ResourceStep, WhatFailsIsSaidAndWhatWasMadeGoes) {
  kube::Kubelet kubelet(server_);
  kubelet.script({.pod = "job", .exits = {{"main", 3}}});
  EXPECT_THAT(why(std::string("manifest: ") + kPod +
                  ", delete: true, success: ['{.status.phase} == Succeeded'], failure: "
                  "['{.status.phase} == Failed']"),
              HasSubstr("Pod default/job: {.status.phase} is Failed"));
  EXPECT_TRUE(eventually([&] { return !is_there("pods/job"); }));
}

TEST_F(ResourceStep, OneThatIsCancelledTakesItsObjectAlong) {
  const auto program = start(
      "manifest: {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}, delete: true, "
      "success: ['{.data.ready}']");
  ASSERT_TRUE(eventually([&] { return is_there("configmaps/c"); })) << program->err();
  ASSERT_TRUE(
      eventually([&] { return logs().find("{.data.ready} is not there") != std::string::npos; }));
  program->signal(SIGINT);
  EXPECT_EQ(program->wait().exit, 130);
  EXPECT_FALSE(is_there("configmaps/c"));
}

TEST_F(ResourceStep, CreatesLooksAndDeletes) {
  const std::string map =
      "manifest: {apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {k: v}}";
  EXPECT_EQ(run(map + ", action: create").exit, 0);
  EXPECT_THAT(why(map + ", action: create"), HasSubstr("cannot create ConfigMap default/c"));
  EXPECT_EQ(run(map + ", action: get, success: ['{.data.k} == v']").exit, 0);
  EXPECT_EQ(run(map + ", action: delete").exit, 0);
  EXPECT_FALSE(is_there("configmaps/c"));
  EXPECT_EQ(run(map + ", action: delete").exit, 0) << "it is gone already";
  EXPECT_THAT(why(map + ", action: get"), HasSubstr("cannot get ConfigMap default/c"));
}

TEST_F(ResourceStep, WhatCannotBeIsSaid) {
  EXPECT_THAT(why("manifest: {apiVersion: v1, kind: ConfigMapp, metadata: {name: c}}"),
              HasSubstr("v1 has no kind ConfigMapp; did you mean ConfigMap?"));
  EXPECT_THAT(why("manifest: {apiVersion: serving.kserve.io/v1, kind: X, metadata: {name: c}}"),
              HasSubstr("the cluster has no API serving.kserve.io/v1"));
  EXPECT_THAT(why("manifest: {apiVersion: v1, kind: Pod, metadata: {name: c}}"),
              HasSubstr("Pod default/c"));
  EXPECT_THAT(why(std::string("manifest: ") + kPod + ", context: prod"),
              HasSubstr("there is no context 'prod'"));
}

}  // namespace
}  // namespace scanflow::test
