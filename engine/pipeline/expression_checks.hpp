// Every expression of a pipeline, without its data: does it parse, and is all that it names there?
#pragma once

#include <vector>

#include "engine/pipeline/lua_sandbox.hpp"
#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/step_table.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::pipeline {

/// `plugins`: of each step, null where unknown.
void check_expressions(const std::vector<StepDraft>& drafts, const StepTable& table,
                       const std::vector<Param>& params,
                       const std::vector<const loader::PluginInfo*>& plugins, Problems& problems);

/// Where a byte of a node's text stands in the file; the node's place where that cannot be said.
Location locate(const Source& source, const Node& node, std::size_t offset);

}  // namespace scanflow::pipeline
