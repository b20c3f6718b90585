// The services that a pipeline brings along, as documents of their own. Private to engine/pipeline.
#pragma once

#include <string>
#include <vector>

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {

struct PipelineService {
  const Node* item;  // where it stands
  const Node* name;
  std::string text;  // the document: kind: InferenceService
};

/// Of a pipeline's root, which needs not be right: what has no name is left out, and of two with one
/// name the second. The same pipeline gives the same texts.
std::vector<PipelineService> services_of(const Node& root, const std::string& name_space,
                                         const std::string& pipeline, const Source& source);

}  // namespace scanflow::pipeline
