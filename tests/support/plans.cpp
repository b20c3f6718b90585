#include "tests/support/plans.hpp"

#include <map>

namespace scanflow::support {

std::shared_ptr<const pipeline::Plan> plan_of(const std::vector<Def>& steps,
                                              std::uint32_t max_parallel) {
  auto pipeline = std::make_shared<pipeline::Pipeline>();
  pipeline->name = "test";
  pipeline->max_parallel = max_parallel;
  auto plan = std::make_shared<pipeline::Plan>();
  std::map<std::string, graph::Node> index;
  std::vector<std::vector<graph::Node>> needs(steps.size());
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    const pipeline::Step& spec = steps[i].spec();
    index[spec.name] = i;
    pipeline->steps.push_back(spec);
    plan->steps.push_back({.id = spec.name, .spec = i});
  }
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    for (const std::string& need : steps[i].spec().needs) needs[i].push_back(index.at(need));
  }
  plan->graph = graph::Graph::build(needs);
  plan->pipeline = std::move(pipeline);
  return plan;
}

}  // namespace scanflow::support
