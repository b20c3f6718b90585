// Every expression of a pipeline, without its data: does it parse, and is all that it names there?
#pragma once

#include <vector>

#include "engine/pipeline/lua_sandbox.hpp"
#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/step_table.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::pipeline {

/// Where all expressions are, and what they may name.
struct ExpressionContext {
  const std::vector<StepDraft>& drafts;
  const std::vector<ExpressionSite>& sites;  // of no step: the pipeline's own
  const StepTable& table;
  const Pipeline& pipeline;                               // its parameters and calls
  const std::vector<const loader::PluginInfo*>& plugins;  // of each step, null where unknown
};
void check_expressions(const ExpressionContext& context, Problems& problems);

/// Where a byte of a node's text stands in the file; the node's place where that cannot be said.
Location locate(const Source& source, const Node& node, std::size_t offset);

}  // namespace scanflow::pipeline
