// The annotation by which an injected Pod says what was put into it, and how it was before: nothing
// is guessed when it is taken out again.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/inject/editor.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::inject {

struct Record {
  std::string version;   // of Scanflow
  std::string contents;  // the beginning of a SHA-256 of all that was put in
  std::string shape;
  std::vector<std::string> volumes, init_containers, containers;  // their names
  std::map<std::string, std::vector<std::string>> environment;    // of a container: its variables
  std::vector<std::string> launched;                              // whose command has the prefix
  std::vector<std::string> prefix;
  /// What was not there before, or there without a value: "spec/volumes", "container/NAME/env", ...
  std::set<std::string> absent, null;
  bool processes_were_apart = false;  // shareProcessNamespace: false

  std::string text() const;  // JSON, on one line
};

/// Of a Pod that an admission policy injects: not what was there before.
std::string policy_record(std::string_view version);

/// What the Pod's annotation says; none where it has none. An error says that somebody has changed
/// it, and what to do.
Result<std::optional<Record>> record_of(const nlohmann::json& pod);

/// Takes out of the Pod what the record says, and the record.
void restore(Editor& pod, const Record& record);

}  // namespace scanflow::inject
