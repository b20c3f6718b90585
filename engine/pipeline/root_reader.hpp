// The root of a document that is a pipeline. Private to engine/pipeline.
#pragma once

#include <string>
#include <vector>

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/reader.hpp"
#include "engine/pipeline/yaml_document.hpp"

namespace scanflow::pipeline {

/// What a pipeline may refer to, and where it belongs.
struct Reading {
  const loader::Catalog& catalog;
  const FindPipeline& find;
  std::vector<std::string> callers;    // ids; each calls the next, the last one is being read
  std::string name_space = "default";  // where the document says none
  bool only = false;                   // it may say no other
};

/// Without its source.
Pipeline read_root(const Node& root, const Reading& reading, Problems& problems);

/// Is it a kind that can be read? Reported where it is not.
bool is_known_kind(const Node& kind, Problems& problems);

}  // namespace scanflow::pipeline
