#include "tests/support/plans.hpp"

#include <map>
#include <sstream>
#include <stdexcept>

#include "engine/pipeline/reader.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::support {

using nlohmann::json;

namespace {

/// Takes away the indentation of the first line that is not blank.
std::string dedent(const std::string& text) {
  std::istringstream lines(text);
  std::string out, indentation;
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(' ') == std::string::npos) continue;
    if (out.empty()) indentation = line.substr(0, line.find_first_not_of(' '));
    if (line.starts_with(indentation)) line.erase(0, indentation.size());
    out += line + '\n';
  }
  return out;
}

}  // namespace

std::shared_ptr<const pipeline::Plan> plan_of(const std::string& yaml) {
  const std::string text =
      "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: test}\n" + dedent(yaml);
  const auto catalog = loader::Catalog::built_in();
  const pipeline::ReadResult read = pipeline::read_pipeline("test.yaml", text, catalog);
  if (!read.pipeline) throw std::invalid_argument(pipeline::render(read.errors, text));
  auto pipeline = std::make_shared<pipeline::Pipeline>(*read.pipeline);
  if (text.find("jitter") == std::string::npos) {
    for (pipeline::Step& step : pipeline->steps) step.retry.backoff.jitter = 0;
  }
  auto plan = pipeline::make_plan(std::move(pipeline), json::object());
  if (!plan) throw std::invalid_argument(plan.error().message);
  return std::make_shared<const pipeline::Plan>(std::move(*plan));
}

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
