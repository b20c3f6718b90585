// kind: Application -> checked spec.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/pipeline/application_spec.hpp"
#include "engine/pipeline/diagnostic.hpp"

namespace scanflow::pipeline {

struct ReadApplicationResult {
  std::shared_ptr<const ApplicationSpec> application;  // null where there are errors
  std::vector<Diagnostic> errors;                      // by place
  std::vector<std::string> name_spaces;                // of teams, as far as they can be read
};

/// One document. `name_space`, and bounds: as of read_pipeline.
ReadApplicationResult read_application(const std::string& file, const std::string& text,
                                       const std::string& name_space = "");

struct Node;
struct Reading;
class Problems;
/// The root of a document that is an application.
ApplicationSpec read_application_root(const Node& root, const Reading& reading, Problems& problems);

}  // namespace scanflow::pipeline
