// A pipeline with its parameters bound and its matrices expanded: what a run executes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/graph/graph.hpp"
#include "engine/pipeline/spec.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::pipeline {

struct PlannedStep {
  std::string id;          // train[model=cnn1,lr=0.01]: all axes in declared order, values escaped
  std::uint32_t spec = 0;  // index into Pipeline::steps
  json matrix = nullptr;   // {"model": "cnn1"}, or null without a matrix
  json item = nullptr;     // of a for_each
};

struct Plan {
  std::shared_ptr<const Pipeline> pipeline;
  json params = json::object();    // every parameter, bound
  json axes = json::object();      // step name -> axis -> values, of axes that were expressions
  std::string group;               // of runs that exclude each other; empty: none
  std::vector<PlannedStep> steps;  // in the order of Pipeline::steps, matrix instances together
  /// Steps whose result an earlier run has: identity -> {"outputs", "artifacts", "from"}.
  std::map<std::string, std::shared_ptr<const json>> reuse;
  graph::Graph graph;  // over `steps`; a need on a matrix step is one on all its instances;
                       // handlers need nothing of the main steps: their phase comes later
  const Step& spec_of(std::uint32_t step) const { return pipeline->steps[steps[step].spec]; }
};

/// Binds parameters and expands matrices. `given`: name -> text as from the command line (`-p
/// epochs=3`: parsed by the parameter's type) or a JSON value. `recorded`: {"axes", "group"} of an
/// earlier plan of this run; nothing is evaluated then. Errors: unknown parameter (with the nearest
/// name), wrong type, out of range, missing; axes that are not lists; two steps with one identity.
Result<Plan> make_plan(std::shared_ptr<const Pipeline> pipeline, const json& given,
                       const json* recorded = nullptr);

}  // namespace scanflow::pipeline
