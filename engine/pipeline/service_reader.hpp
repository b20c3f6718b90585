// kind: InferenceService -> checked spec. Loads no plugin: schemas come from the catalog.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/pipeline/diagnostic.hpp"
#include "engine/pipeline/reader.hpp"
#include "engine/pipeline/service_spec.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::pipeline {

struct ReadServiceResult {
  std::shared_ptr<const ServiceSpec> service;  // null where there are errors
  std::vector<Diagnostic> errors;              // by place
};

/// One document. `name_space`, and bounds: as of read_pipeline.
ReadServiceResult read_service(const std::string& file, const std::string& text,
                               const loader::Catalog& catalog, const std::string& name_space = "");

struct Node;
struct Reading;
class Problems;
/// The root of a document that is a service.
ServiceSpec read_service_root(const Node& root, const Reading& reading, Problems& problems);
/// A pipeline's `services`: all that is wrong with any.
void check_services(const Node& list, const Reading& reading, Problems& problems);

}  // namespace scanflow::pipeline
