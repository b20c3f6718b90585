// What a document means for whoever serves it.
#include "engine/serve/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace scanflow::serve {
namespace {

Result<track::FoundModel> no_model(const std::string& reference) { return fail("no " + reference); }

TEST(PlanService, AContainerIsAskedAtItsPort) {
  pipeline::ServiceSpec spec;
  spec.name = "flowers";
  spec.timeout_us = 5'000'000;
  pipeline::ServiceNode node;
  node.name = "iris";
  node.type = "MODEL";
  node.container.emplace();
  node.container->image = "registry.local/iris:1";
  node.container->args = {"--fast"};
  node.container->env = {{"LEVEL", "2"}};
  node.container->port = 9001;
  node.container->model = "iris v2";
  node.container->cpus = 0.25;
  node.container->memory = 1 << 20;
  spec.graph = {node};
  const auto planned = plan_service(spec, loader::Catalog::built_in(), no_model);
  ASSERT_TRUE(planned) << planned.error().message;
  const infer::NodeDocument& of = planned->nodes.at(0);
  EXPECT_EQ(of.remote->url, "http://127.0.0.1:9001/v2/models/iris%20v2");
  EXPECT_EQ(of.remote->timeout_us, 5'000'000);
  EXPECT_EQ(of.versions.size(), 1U);
  EXPECT_EQ(
      of.container,
      infer::json::parse(R"({"name": "node-0", "image": "registry.local/iris:1", "args": ["--fast"],
        "env": [{"name": "LEVEL", "value": "2"}],
        "ports": [{"containerPort": 9001, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": 9001}, "periodSeconds": 2,
                           "timeoutSeconds": 5, "failureThreshold": 3},
        "resources": {"requests": {"cpu": "250m", "memory": "1048576"},
                      "limits": {"memory": "1048576"}}})"))
      << of.container;
}

}  // namespace
}  // namespace scanflow::serve
