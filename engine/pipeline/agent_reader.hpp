// kind: Agent -> checked spec. Loads no plugin: schemas come from the catalog.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/pipeline/agent_spec.hpp"
#include "engine/pipeline/diagnostic.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::pipeline {

struct ReadAgentResult {
  std::shared_ptr<const AgentSpec> agent;  // null where there are errors
  std::vector<Diagnostic> errors;          // by place
};

/// One document. `name_space`, and bounds: as of read_pipeline.
ReadAgentResult read_agent(const std::string& file, const std::string& text,
                           const loader::Catalog& catalog, const std::string& name_space = "");

struct Node;
struct Reading;
class Problems;
/// The root of a document that is an agent.
AgentSpec read_agent_root(const Node& root, const Reading& reading, Problems& problems);

}  // namespace scanflow::pipeline
