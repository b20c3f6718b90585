// YAML -> checked spec. Loads no plugin: schemas come from the catalog.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/pipeline/diagnostic.hpp"
#include "engine/pipeline/spec.hpp"
#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::pipeline {

struct ReadResult {
  std::shared_ptr<const Pipeline> pipeline;  // null where there are errors
  std::vector<Diagnostic> errors;            // by place
};

/// The text of a pipeline, and what messages call it.
struct SourceText {
  std::string file, text;
  std::string name_space = {};  // where the text says none; empty: that of whoever calls it
  std::string id = {};          // tells it from others; empty: its file does
};

/// Where a call stands.
struct Calling {
  std::string file;
  std::string name_space;  // of the pipeline that calls
};

/// What a step's `pipeline` means: `call` as written there.
using FindPipeline =
    std::function<Result<SourceText>(const std::string& call, const Calling& from)>;

/// `file`: the name for messages. Bounded: 8 MiB of text, nesting of 64, 1,000 aliases, 100,000
/// nodes from aliases, 200,000 planned steps, calls 16 deep. `find`: null where no pipeline may be
/// called. `name_space`: of a text that says none; one that says another is an error. Empty: that
/// is "default", and any.
ReadResult read_pipeline(const std::string& file, const std::string& text,
                         const loader::Catalog& catalog, const FindPipeline& find = {},
                         const std::string& name_space = "");

/// The one value of a YAML (or JSON) text, with the same bounds; errors as of a pipeline.
Result<json> read_yaml_value(const std::string& file, const std::string& text);

}  // namespace scanflow::pipeline
