// What is given to a cluster, given to it by a real kubectl: it is what people use. Whether it fits the schemas of an
// API server is another test's (tests/unit/deploy).
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/support/kube/server.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Kubectl : public testing::Test {
 protected:
  void SetUp() override {
    if (Program({"sh", "-c", "command -v kubectl"}).wait().exit != 0)
      GTEST_SKIP() << "kubectl is not installed here";
    config_ = files_.write("kubeconfig", server_.kubeconfig(server_.admin_token()));
  }
  Output kubectl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"kubectl", "--kubeconfig", config_, "--cache-dir",
                                         (files_ / "cache").string()});
    return Program(arguments).wait();
  }
  std::string rendered(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"install", "--render"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Output output = scanflow_(arguments);
    EXPECT_EQ(output.exit, 0) << output.err;
    return files_.write("all.yaml", output.out);
  }
  void succeeds(const std::vector<std::string>& arguments) {
    const Output output = kubectl(arguments);
    EXPECT_EQ(output.exit, 0) << output.out << output.err;
  }

  const TempDir files_;
  kube::KubeServer server_;
  Scanflow scanflow_;
  std::string config_;
};

TEST_F(Kubectl, AppliesWhatInstallRendersTwiceAndRemovesIt) {
  const std::string all =
      rendered({"--cluster-wide", "--egress", "--injection", "policy", "--replicas", "2"});
  succeeds({"apply", "--validate=false", "-f", all});
  const Output again = kubectl({"apply", "--validate=false", "-f", all});
  EXPECT_EQ(again.exit, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("statefulset.apps/scanflow unchanged"));
  const Output there =
      kubectl({"get", "statefulset,service,persistentvolumeclaim,networkpolicy,poddisruptionbudget",
               "-n", "scanflow", "-o", "name"});
  EXPECT_EQ(there.exit, 0) << there.err;
  EXPECT_THAT(there.out,
              AllOf(HasSubstr("statefulset.apps/scanflow"), HasSubstr("service/scanflow-hub"),
                    HasSubstr("networkpolicy.networking.k8s.io/scanflow-hub"),
                    HasSubstr("poddisruptionbudget.policy/scanflow")));
  succeeds({"delete", "--ignore-not-found", "-f", all, "--wait=false"});
  EXPECT_EQ(kubectl({"get", "statefulset", "-n", "scanflow", "-o", "name"}).out, "");
}

TEST_F(Kubectl, AppliesOnTheServersSideToo) {
  succeeds({"apply", "--server-side", "--validate=false", "-f", rendered()});
}

TEST_F(Kubectl, AppliesEachKustomization) {
  succeeds({"apply", "--validate=false", "-f",
            files_.write("ml.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: ml}\n")});
  for (const char* each :
       {"base", "overlays/single-namespace", "overlays/cluster-wide", "overlays/egress"}) {
    SCOPED_TRACE(each);
    succeeds({"apply", "--validate=false", "-k",
              fmt::format("{}/deploy/kubernetes/{}", SCANFLOW_SOURCE_DIR, each)});
  }
  EXPECT_EQ(kubectl({"get", "statefulset", "-A", "-o", "name"}).out,
            "statefulset.apps/scanflow\nstatefulset.apps/scanflow\n");
}

}  // namespace
}  // namespace scanflow::test
