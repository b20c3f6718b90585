#include "engine/orchestrate/evict.hpp"

#include <gmock/gmock.h>

#include "tests/unit/orchestrate/objects.hpp"

namespace scanflow::orchestrate {
namespace {

using testing::HasSubstr;

Target evictee() { return {kube::kinds::kPod, "shop", "web-0"}; }

json labelled(const json& labels) {
  json pod = {{"metadata", metadata_of("web-0")}};
  pod["metadata"]["labels"] = labels;
  return pod;
}
json budget(const char* name, const char* selector) {
  return {{"metadata", {{"name", name}}},
          {"spec", {{"minAvailable", 1}, {"selector", json::parse(selector)}}},
          {"status", {{"disruptionsAllowed", 0}, {"currentHealthy", 1}, {"desiredHealthy", 1}}}};
}

TEST(Evict, NotWhatNobodyMakesAnewUnlessForced) {
  const json bare = labelled(json::object());
  ASSERT_TRUE(why_not_evicted(evictee(), bare, false));
  EXPECT_THAT(why_not_evicted(evictee(), bare, false)->message, HasSubstr("force=true"));
  EXPECT_FALSE(why_not_evicted(evictee(), bare, true));
  EXPECT_FALSE(why_not_evicted(evictee(), owned_by(bare, "apps/v1", "ReplicaSet", "web-1"), false));
  json mirror = bare;
  mirror["metadata"]["annotations"]["kubernetes.io/config.mirror"] = "x";
  EXPECT_THAT(why_not_evicted(evictee(), mirror, true)->message, HasSubstr("static Pod"));
}

TEST(Evict, TheBudgetsThatCoverAPodAreKnown) {
  json all = budget("all", "{}"), none = budget("none", "{}");
  none["spec"].erase("selector");
  const std::vector<json> budgets = {
      budget("web", R"({"matchLabels": {"app": "web"}})"),
      budget("api", R"({"matchLabels": {"app": "api"}})"),
      budget("tier",
             R"({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]},
                                              {"key": "old", "operator": "DoesNotExist"}]})"),
      all, none};
  const json found = budgets_of(labelled({{"app", "web"}, {"tier", "b"}}), budgets);
  std::vector<std::string> names;
  for (const json& each : found) names.push_back(each["name"]);
  EXPECT_THAT(names, testing::ElementsAre("web", "tier", "all"));
  EXPECT_EQ(found[0]["allowed"], 0);
  EXPECT_EQ(found[0]["min_available"], 1);
}

TEST(Evict, ItsGraceIsATime) {
  EXPECT_TRUE(check_eviction(json::object()));
  EXPECT_TRUE(check_eviction({{"grace", "0s"}}));
  EXPECT_THAT(check_eviction({{"grace", "soon"}}).error().message, HasSubstr("arguments/grace"));
}

}  // namespace
}  // namespace scanflow::orchestrate
