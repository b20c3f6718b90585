// What `patch` may change: kinds, names and fields, as somebody has allowed them. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/orchestrate/target.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::orchestrate {

struct Allowed {
  std::string kind;                          // "InferenceService.serving.kserve.io", "ConfigMap"
  std::string name_space = "*", name = "*";  // patterns of * and others
  std::vector<std::string> fields;  // JSON pointers, each with all below it; /*/ is any field
};
using AllowList = std::vector<Allowed>;

/// {"allow": [{"kind", "namespace", "name", "fields"}]}. An error names the entry.
Result<AllowList> read_allow_list(const json& document);

/// Each field that a merge patch sets or removes, as a JSON pointer.
std::vector<std::string> fields_of(const json& patch);
/// Those of them that the list does not allow.
std::vector<std::string> not_allowed(const AllowList& list, const Target& target,
                                     const std::vector<std::string>& fields);
/// The entry that would allow them.
json entry_for(const Target& target, const std::vector<std::string>& fields);

}  // namespace scanflow::orchestrate
