// What primitives change of a service.
#include "engine/pipeline/service_change.hpp"

#include <gmock/gmock.h>

namespace scanflow::pipeline {
namespace {

ServiceSpec digits() {
  ServiceSpec spec;
  spec.name = "digits";
  spec.graph.push_back({.name = "keep", .type = "TRANSFORMER", .versions = {{}}});
  spec.graph.push_back(
      {.name = "cnn", .type = "MODEL", .versions = {{.model = "models:/m/1", .at = {7, 3}}}});
  return spec;
}

TEST(ServiceChange, ScalesWhatIsNotScaledByItself) {
  ServiceChange change;
  ASSERT_TRUE(scale_service(change, {{"replicas", 3}}));
  EXPECT_EQ(changed(digits(), change).replicas, 3U);
  EXPECT_EQ(changed(digits(), change).most_replicas, 3U);
  ServiceSpec by_itself = digits();
  by_itself.most_replicas = 8;
  EXPECT_EQ(changed(by_itself, change).replicas, 3U);
  EXPECT_EQ(changed(by_itself, change).most_replicas, 8U) << "at least three";
}

TEST(ServiceChange, TrafficGoesToTheOnlyNodeWithAModel) {
  ServiceChange change;
  const json versions = {{{"model", "models:/m/1"}, {"weight", 90}},
                         {{"model", "models:/m/2"}, {"weight", 10}}};
  ASSERT_TRUE(set_service_traffic(change, digits(), {{"versions", versions}}));
  const ServiceSpec spec = changed(digits(), service_change_from_json(to_json(change)));
  ASSERT_EQ(spec.graph[1].versions.size(), 2U);
  EXPECT_EQ(spec.graph[1].versions[1].model, "models:/m/2");
  EXPECT_EQ(spec.graph[1].versions[1].weight, 10);
  EXPECT_EQ(spec.graph[1].versions[1].at.line, 7U) << "problems are told where the node is";
  EXPECT_EQ(spec.graph[0].versions.size(), 1U);
}

TEST(ServiceChange, SaysWhatDoesNotFit) {
  ServiceChange change;
  const json one = {{{"model", "models:/m/1"}}};
  EXPECT_THAT(
      set_service_traffic(change, digits(), {{"node", "cnm"}, {"versions", one}}).error().message,
      testing::HasSubstr("no node 'cnm'; nodes with models: cnn"));
  const json none = {{{"model", "models:/m/1"}, {"weight", 0}}};
  EXPECT_THAT(set_service_traffic(change, digits(), {{"versions", none}}).error().message,
              testing::HasSubstr("no request could be answered"));
  EXPECT_TRUE(change.traffic.empty());
}

}  // namespace
}  // namespace scanflow::pipeline
