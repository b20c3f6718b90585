// The root of a document that is a pipeline. Private to engine/pipeline.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/reader.hpp"
#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {

/// Called pipelines that were read, by id and namespace; or what is wrong with them.
using Known = std::unordered_map<std::string, Result<std::shared_ptr<const Pipeline>>>;

/// What a pipeline may refer to, and where it belongs.
struct Reading {
  const loader::Catalog& catalog;
  const FindPipeline& find;
  std::vector<std::string> callers;    // ids; each calls the next, the last one is being read
  std::string name_space = "default";  // where the document says none
  bool only = false;                   // it may say no other
  /// Each is read once, or calls that meet again would be read over and over.
  std::shared_ptr<Known> known = std::make_shared<Known>();
};

/// Without its source.
Pipeline read_root(const Node& root, const Reading& reading, Problems& problems);

/// The kind that can be read, or the nearest one: whoever reads the document by its table reports
/// that it is misspelt, beside all else. "": none; reported.
std::string meant_kind(const Node& kind, Problems& problems);

}  // namespace scanflow::pipeline
