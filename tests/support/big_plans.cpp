#include "tests/support/big_plans.hpp"

#include <random>
#include <string>
#include <utility>
#include <vector>

namespace scanflow::support {
namespace {

std::shared_ptr<const pipeline::Plan> make_plan(std::vector<std::vector<graph::Node>> needs) {
  auto pipeline = std::make_shared<pipeline::Pipeline>();
  auto plan = std::make_shared<pipeline::Plan>();
  plan->steps.reserve(needs.size());
  for (std::uint32_t i = 0; i < needs.size(); ++i) {
    pipeline::Step step;
    step.name = "s" + std::to_string(i);
    step.uses = "noop";
    plan->steps.push_back({.id = step.name, .spec = i});
    pipeline->steps.push_back(std::move(step));
  }
  plan->graph = graph::Graph::build(needs);
  plan->pipeline = std::move(pipeline);
  return plan;
}

}  // namespace

std::shared_ptr<const pipeline::Plan> layers() {
  std::mt19937 random(1);
  std::vector<std::vector<graph::Node>> needs(100'000);
  for (std::uint32_t i = 100; i < needs.size(); ++i) {
    for (int n = 0; n < 3; ++n) needs[i].push_back(i / 100 * 100 - 100 + random() % 100);
  }
  return make_plan(std::move(needs));
}

std::shared_ptr<const pipeline::Plan> chain() {
  std::vector<std::vector<graph::Node>> needs(100'000);
  for (std::uint32_t i = 1; i < needs.size(); ++i) needs[i] = {i - 1};
  return make_plan(std::move(needs));
}

std::shared_ptr<const pipeline::Plan> wide() {
  return make_plan(std::vector<std::vector<graph::Node>>(100'000));
}

}  // namespace scanflow::support
