#include "engine/orchestrate/target.hpp"

#include <gmock/gmock.h>

#include "tests/unit/orchestrate/objects.hpp"

namespace scanflow::orchestrate {
namespace {

using testing::HasSubstr;

std::string where(const std::string& text, const std::string& given = "") {
  const auto written = read_target(text);
  if (!written) return written.error().message;
  const kube::Kind* kind = known_kind(written->kind);
  return kind == nullptr ? "no such kind" : named(target_of(*kind, written->name, given, "usual"));
}

TEST(Target, IsWrittenAsPeopleDo) {
  EXPECT_EQ(where("deployment/web"), "Deployment usual/web");
  EXPECT_EQ(where("Deploy/web.shop"), "Deployment shop/web");
  EXPECT_EQ(where("deployments.apps/web"), "Deployment usual/web");
  EXPECT_EQ(where("deployments.v1.apps/web"), "Deployment usual/web");
  EXPECT_EQ(where("po/web-0.shop"), "Pod shop/web-0");
  EXPECT_EQ(where("pods.v1/web-0"), "Pod usual/web-0");
  EXPECT_EQ(where("hpa/web"), "HorizontalPodAutoscaler usual/web");
}

TEST(Target, ADotIsOfTheNameWhereTheNamespaceIsKnownOrThereIsNone) {
  EXPECT_EQ(where("httproute/a.example.com", "shop"), "HTTPRoute shop/a.example.com");
  EXPECT_EQ(where("node/ip-10-0-0-1.eu.internal"), "Node ip-10-0-0-1.eu.internal");
}

TEST(Target, OfAnotherGroupOrVersionIsNotTheKnownOne) {
  EXPECT_EQ(where("deployments.example.com/web"), "no such kind");
  EXPECT_EQ(where("virtualservices.v1beta1.networking.istio.io/web"), "no such kind");
  EXPECT_EQ(where("deployments.v1beta1.apps/web"), "no such kind");
}

TEST(Target, WhatIsNoneIsSaid) {
  for (const char* bad : {"", "web", "/web", "deployment/", "a/b/c", "deployment/we b", "pod/../x",
                          "deployment/\xff\xfe"}) {
    EXPECT_THAT(where(bad), HasSubstr("KIND/NAME")) << bad;
  }
}

TEST(Target, ItsControllerIsRead) {
  const auto owner = controller_of(owned_by(deployment(), "apps/v1", "ReplicaSet", "web-1"));
  ASSERT_TRUE(owner && owner->target);
  EXPECT_EQ(named(*owner->target), "ReplicaSet shop/web-1");
  const auto foreign =
      controller_of(owned_by(deployment(), "argoproj.io/v1alpha1", "Rollout", "web"));
  ASSERT_TRUE(foreign);
  EXPECT_FALSE(foreign->target);
  EXPECT_FALSE(controller_of(owned_by(deployment(), "other/v1", "Deployment", "web"))->target);
  json shared = owned_by(deployment(), "v1", "ConfigMap", "run");
  shared["metadata"]["ownerReferences"][0]["controller"] = false;
  EXPECT_FALSE(controller_of(shared));
}

}  // namespace
}  // namespace scanflow::orchestrate
