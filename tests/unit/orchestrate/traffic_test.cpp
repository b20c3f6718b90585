#include "engine/orchestrate/traffic.hpp"

#include <gmock/gmock.h>

#include "tests/unit/orchestrate/objects.hpp"

namespace scanflow::orchestrate {
namespace {

using testing::HasSubstr;

Target http_route() { return {kinds::kHttpRoute, "shop", "web"}; }
Target virtual_service() { return {kinds::kVirtualService, "shop", "web"}; }

json route(const char* rules) {
  return {{"metadata", metadata_of("web")}, {"spec", {{"rules", json::parse(rules)}}}};
}
json of_istio(const char* http) {
  return {{"metadata", metadata_of("web")}, {"spec", {{"http", json::parse(http)}}}};
}
constexpr const char* kTwo = R"([{"backendRefs": [
  {"name": "v1", "port": 80}, {"name": "v2", "port": 80, "weight": 0}]}])";

json weights(const char* text) { return {{"weights", json::parse(text)}}; }
std::string why_not_shared(const Target& target, const json& object, const json& arguments) {
  const auto plan = plan_traffic(target, object, arguments);
  return plan ? "it is done" : plan.error().message;
}

TEST(Traffic, WeightsOfARouteAreSetAndAllElseStays) {
  const auto plan = plan_traffic(http_route(), route(kTwo), weights(R"({"v1": 90, "v2": 10})"));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->changes[0].body, json::parse(R"({"metadata": {"resourceVersion": "7"},
    "spec": {"rules": [{"backendRefs": [{"name": "v1", "port": 80, "weight": 90},
                                        {"name": "v2", "port": 80, "weight": 10}]}]}})"));
  EXPECT_EQ(plan->message, "HTTPRoute shop/web: v1 90, v2 10");
  EXPECT_EQ(plan->evidence["weights"]["before"][0]["weight"], 1) << "as the Gateway API has it";
  const auto one = plan_traffic(http_route(), route(kTwo), weights(R"({"v2": 3})"));
  EXPECT_EQ(one->message, "HTTPRoute shop/web: v1 1, v2 3");
  EXPECT_TRUE(plan_traffic(http_route(), route(kTwo), weights(R"({"v2": 0})"))->changes.empty());
}

TEST(Traffic, WhatCannotBeIsSaid) {
  const json two = route(kTwo);
  EXPECT_THAT(why_not_shared(http_route(), two, weights(R"({"v3": 1})")),
              HasSubstr("rule 0 has no service 'v3'; there are: v1, v2"));
  EXPECT_THAT(why_not_shared(http_route(), two, weights(R"({"v1": 0})")),
              HasSubstr("every request refused"));
  EXPECT_THAT(why_not_shared(http_route(), two, weights(R"({"v1": -1})")),
              HasSubstr("from 0 to 1000000"));
  EXPECT_THAT(why_not_shared(http_route(), two, weights(R"({"v1": "90"})")),
              HasSubstr("an integer"));
  EXPECT_THAT(why_not_shared(http_route(), two, weights(R"({"v1": 0.5})")),
              HasSubstr("an integer"));
  EXPECT_THAT(why_not_shared(http_route(), two, weights("{}")), HasSubstr("no service is named"));
  EXPECT_THAT(why_not_shared(http_route(), json::object(), weights(R"({"v1": 1})")),
              HasSubstr("no rule"));
  EXPECT_THAT(
      why_not_shared(http_route(), route(R"([{}, {"backendRefs": []}])"), weights(R"({"v1": 1})")),
      HasSubstr("no service 'v1'"));
}

TEST(Traffic, OfSeveralRulesTheOneIsMeantThatHasTheServices) {
  const json rules = route(R"([{"backendRefs": [{"name": "api"}]},
    {"backendRefs": [{"name": "v1"}, {"name": "v2"}]}])");
  EXPECT_EQ(plan_traffic(http_route(), rules, weights(R"({"v1": 5})"))->evidence["rule"], 1);
  const json both =
      route(R"([{"backendRefs": [{"name": "v1"}]}, {"backendRefs": [{"name": "v1"}]}])");
  EXPECT_THAT(why_not_shared(http_route(), both, weights(R"({"v1": 5})")),
              HasSubstr("say which (rule=0)"));
  json chosen = weights(R"({"v1": 5})");
  chosen["rule"] = 1;
  EXPECT_EQ(plan_traffic(http_route(), both, chosen)->evidence["rule"], 1);
  chosen["rule"] = 2;
  EXPECT_THAT(why_not_shared(http_route(), both, chosen),
              HasSubstr("2 rules, counted from 0: no rule 2"));
}

TEST(Traffic, OfIstioASubsetIsAServiceOfItsOwn) {
  const json object = of_istio(R"([{"route": [
    {"destination": {"host": "web", "subset": "v1"}},
    {"destination": {"host": "web", "subset": "v2"}, "weight": 0}]}])");
  const auto plan = plan_traffic(virtual_service(), object, weights(R"({"v1": 80, "web/v2": 20})"));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->message, "VirtualService shop/web: web/v1 80, web/v2 20");
  const json twice = of_istio(R"([{"route": [{"destination": {"host": "a", "subset": "v1"}},
    {"destination": {"host": "b", "subset": "v1"}}]}])");
  EXPECT_THAT(why_not_shared(virtual_service(), twice, weights(R"({"v1": 1})")),
              HasSubstr("'v1' is several of: a/v1, b/v1"));
}

}  // namespace
}  // namespace scanflow::orchestrate
