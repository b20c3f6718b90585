// A file of manifests, with a patch on each of them. Pure: text in, text out,
// by as many threads as there are processors.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/inject/inject.hpp"

namespace scanflow::inject {

struct Rewritten {
  struct Said {
    std::string place;  // "web.yaml:12": where its document begins
    Report report;
  };
  std::string text;
  std::vector<std::string> errors;  // "web.yaml:12:3: ..."; then `text` is not to be used
  std::vector<Said> said;
  std::vector<std::string> notes;                    // of documents that are no objects
  nlohmann::json objects = nlohmann::json::array();  // as they are then; if asked for
};

/// Called by several threads at once, where a file has many documents.
using PatchOf = std::function<Result<Patch>(const nlohmann::json& object)>;

/// `name`: what messages call the file. What the patch does not change stays as it was written. All
/// errors are found in one go.
Rewritten rewrite(const std::string& name, std::string_view text, const PatchOf& patch_of,
                  bool objects = false);

/// One after the other, with "---" between them where that is needed.
std::string joined(const std::vector<std::string>& texts);

}  // namespace scanflow::inject
