// One step of the file -> Step, with the pipeline's defaults beneath it.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "engine/pipeline/map_reader.hpp"
#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/spec.hpp"
#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {

/// A text that holds expressions, and what for: what may be named in it depends on that.
struct ExpressionSite {
  enum class Role : std::uint8_t { with, env, when, matrix, for_each, approve, outputs, group };
  const Node* node;
  Role role;
};

/// A step and the nodes it was read from, for the checks that need the whole pipeline.
struct StepDraft {
  Step step;
  const Node* node = nullptr;                             // its map
  const Node* uses = nullptr;                             // the value of `uses` or `run`
  const Node* call = nullptr;                             // of `pipeline`
  std::vector<const Node*> needs;                         // as Step::needs
  std::vector<std::pair<const Node*, const Node*>> with;  // keys and values, defaults merged in
  std::vector<ExpressionSite> expressions;
};

/// Adds each scalar beneath the node that holds an expression.
void find_expressions(const Node& node, ExpressionSite::Role role,
                      std::vector<ExpressionSite>& sites);

/// `defaults`, read by default_fields(), may be null. Fields of a step win; maps (with, env, retry,
/// cache, resources) are merged field by field.
StepDraft read_step(const Node& node, const MapReader* defaults, Phase phase, Problems& problems);

}  // namespace scanflow::pipeline
