// scanflow kube sidecars: which Pods slipped by.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/support/kube/kubelet.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Sidecars : public testing::Test {
 protected:
  Sidecars() {
    for (const char* name : {"shop", "other"}) {
      kube_.create({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}});
    }
  }
  void enable() {
    kube_.ask("PATCH", "/api/v1/namespaces/shop",
              {{"metadata", {{"labels", {{"scanflow.dev/injection", "enabled"}}}}}},
              "application/merge-patch+json");
  }
  static json pod(const std::string& name_space, const std::string& name) {
    return {{"apiVersion", "v1"},
            {"kind", "Pod"},
            {"metadata", {{"name", name}, {"namespace", name_space}}},
            {"spec",
             {{"containers",
               json::array(
                   {{{"name", "main"}, {"image", "localhost/web:1"}, {"command", {"/web"}}}})}}}};
  }
  Output sidecars(std::vector<std::string> more = {}, const std::string& user = "") {
    more.insert(more.begin(), {"kube", "sidecars"});
    const std::string token = user.empty() ? kube_.admin_token() : kube_.add_user(user);
    return scanflow_(more, {{"KUBECONFIG", files_.write("kubeconfig", kube_.kubeconfig(token))}});
  }

  const TempDir files_;
  kube::KubeServer kube_;
  kube::Kubelet kubelet_{kube_};
  Scanflow scanflow_;
};

TEST_F(Sidecars, ThoseThatSlippedByAreNamedWithTheFix) {
  EXPECT_THAT(sidecars().err, HasSubstr("kubectl label namespace"));
  enable();
  kube_.create(pod("other", "elsewhere"));
  kube_.create(pod("shop", "slipped"));
  json left_alone = pod("shop", "left-alone");
  left_alone["metadata"]["annotations"]["scanflow.dev/inject"] = "disabled";
  kube_.create(left_alone);
  const Output injected =
      scanflow_({"inject", "-f", files_.write("pod.json", pod("shop", "injected").dump())});
  ASSERT_EQ(injected.exit, 0) << injected.err;
  const kube::Answer made =
      kube_.ask("POST", "/api/v1/namespaces/shop/pods", json::parse(injected.out, nullptr, false));
  ASSERT_EQ(made.status, 201) << made.body << injected.out;
  const Output said = sidecars();
  EXPECT_EQ(said.exit, 1) << said.err;
  EXPECT_THAT(said.out, AllOf(HasSubstr("slipped"), HasSubstr("MISSING"), HasSubstr("left-alone"),
                              HasSubstr("scanflow.dev/inject is disabled"), HasSubstr("injected"),
                              Not(HasSubstr("elsewhere"))));
  EXPECT_THAT(said.err, HasSubstr("3 Pods, 1 of them without"));
  const json document = json::parse(sidecars({"-o", "json"}).out);
  EXPECT_EQ(document["pods"][0]["pod"], "slipped");
  EXPECT_EQ(document["pods"][0]["missing"], true);
  EXPECT_EQ(sidecars({"--only-enabled"}).exit, 0) << "who says nothing is to have none";
  EXPECT_EQ(sidecars({"-n", "other"}).exit, 1);
}

TEST_F(Sidecars, WhoMayNotLookIsToldSo) {
  const Output said = sidecars({}, "stranger");
  EXPECT_EQ(said.exit, 3);
  EXPECT_THAT(said.err, AllOf(HasSubstr("namespaces"), HasSubstr("stranger")));
}

}  // namespace
}  // namespace scanflow::test
