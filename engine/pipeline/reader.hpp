// YAML -> checked spec. Loads no plugin: schemas come from the catalog.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/pipeline/diagnostic.hpp"
#include "engine/pipeline/spec.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::pipeline {

struct ReadResult {
  std::shared_ptr<const Pipeline> pipeline;  // null where there are errors
  std::vector<Diagnostic> errors;            // by place
};

/// `file`: the name for messages. Bounded: 8 MiB of text, nesting of 64, 1,000 aliases, 100,000
/// nodes from aliases, 200,000 planned steps.
ReadResult read_pipeline(const std::string& file, const std::string& text,
                         const loader::Catalog& catalog);

}  // namespace scanflow::pipeline
