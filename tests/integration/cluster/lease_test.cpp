// Of two servers in a cluster one is the engine, by a Lease.
#include <gmock/gmock.h>

#include "tests/integration/server_support.hpp"
#include "tests/support/kube/server.hpp"
#include "tests/support/results.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kRbac = "rbac.authorization.k8s.io/v1";
constexpr const char* kBindings =
    "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings/";
constexpr const char* kLease = "/apis/coordination.k8s.io/v1/namespaces/default/leases/scanflow";

class LeaseTest : public testing::Test {
 protected:
  LeaseTest() {
    kube_.create({{"apiVersion", kRbac},
                  {"kind", "Role"},
                  {"metadata", {{"name", "engine"}}},
                  {"rules", json::array({{{"apiGroups", {"coordination.k8s.io"}},
                                          {"resources", {"leases"}},
                                          {"verbs", {"get", "create", "update"}}}})}});
  }
  /// Of a server that may hold the Lease, until its binding is gone.
  Program::Environment user(const std::string& name) {
    kube_.create(
        {{"apiVersion", kRbac},
         {"kind", "RoleBinding"},
         {"metadata", {{"name", name}}},
         {"roleRef",
          {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Role"}, {"name", "engine"}}},
         {"subjects",
          json::array(
              {{{"kind", "User"}, {"name", name}, {"apiGroup", "rbac.authorization.k8s.io"}}})}});
    const std::string config = kube_.kubeconfig(kube_.add_user(name));
    return {{"KUBECONFIG", files_.write(name, config)}, {"POD_NAME", name}};
  }

  const TempDir files_;
  kube::KubeServer kube_;
  Scanflow scanflow_;
  const std::vector<std::string> lease_{"--lease", "default/scanflow"};
};

TEST_F(LeaseTest, AnEngineThatLosesItIsGoneBeforeTheNextOneBeginsWhichGoesOnWithItsRuns) {
  const std::string go = scanflow_.files() / "go";
  const std::string begun = scanflow_.files() / "begun";
  ServerProgram first(scanflow_, lease_, 0, user("first"));
  EXPECT_THAT(first.log(), HasSubstr("leads, in term "));
  const std::string run =
      first.submit(pipeline("steps:\n  - {name: long, run: \"echo x >> " + begun +
                            "; while [ ! -e " + go + " ]; do sleep 0.02; done\"}\n"));
  ASSERT_TRUE(eventually([&] { return read(begun) == "x\n"; }));
  std::vector<std::string> arguments{"server", "--listen", "127.0.0.1:0"};
  arguments.insert(arguments.end(), lease_.begin(), lease_.end());
  const auto second = scanflow_.start(arguments, user("second"));
  const json held = kube_.get(kLease)["spec"];
  EXPECT_THAT(held["holderIdentity"].get<std::string>(), HasSubstr("first_"));

  kube_.ask("DELETE", std::string(kBindings) + "first");  // it can renew it no more
  const Output ended = first.program().wait(std::chrono::seconds(30));
  EXPECT_EQ(ended.exit, 3);
  EXPECT_THAT(ended.err, HasSubstr("the lease is lost"));
  EXPECT_THAT(second->err(), Not(HasSubstr("leads, in term ")));
  EXPECT_EQ(kube_.get(kLease)["spec"]["holderIdentity"], held["holderIdentity"]);

  ASSERT_TRUE(eventually([&] { return second->err().find("listening on ") != std::string::npos; },
                         std::chrono::seconds(30)))
      << second->err();
  EXPECT_THAT(second->err(), HasSubstr("recovered 1 runs"));
  const json taken = kube_.get(kLease)["spec"];
  EXPECT_THAT(taken["holderIdentity"].get<std::string>(), HasSubstr("second_"));
  EXPECT_GT(taken["leaseTransitions"], held["leaseTransitions"]);
  write(go, "");
  EXPECT_TRUE(eventually([&] {
    return json::parse(scanflow_({"runs", "show", run, "-o", "json"}).out).value("status", "") ==
           "succeeded";
  }));
  EXPECT_EQ(read(begun), "x\n") << "the attempt was started again";
  second->signal(SIGTERM);
  EXPECT_EQ(second->wait().exit, 0);
  EXPECT_EQ(kube_.get(kLease)["spec"].value("holderIdentity", ""), "") << "the next need not wait";
}

}  // namespace
}  // namespace scanflow::test
