// The sidecar's way into Pods: a pure function of a manifest, which answers with a JSON Patch
// (RFC 6902). The command line, the engine (for the Pods that it makes) and a webhook use this one.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/inject/settings.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::inject {

enum class Outcome : std::uint8_t {
  injected,
  replaced,   // another version, or with other settings, was there
  unchanged,  // the same was there already
  skipped,
  removed,  // of uninject
};
std::string_view describe(Outcome outcome);

/// What became of one Pod template.
struct Report {
  std::string workload;  // "Deployment web"
  std::string pointer;   // of the object, in what was looked at: "" or "/items/3"
  Outcome outcome = Outcome::skipped;
  std::string reason;              // of skipped
  std::vector<std::string> notes;  // what its owner should know
};

struct Patch {
  nlohmann::json operations = nlohmann::json::array();
  std::vector<Report> reports;  // empty: it holds no Pods, and is none of ours to change
};

/// Puts the sidecar into each Pod, or template of Pods, that the object holds. What was injected
/// before is taken out first: done twice, it changes nothing. `name_space`: of objects that name
/// none, as in an admission request. An error names the object, the annotation, and what it takes.
Result<Patch> inject(const nlohmann::json& object, std::string_view name_space,
                     const Settings& settings);

/// Takes it out again: what is left is what there was before.
Result<Patch> uninject(const nlohmann::json& object);

}  // namespace scanflow::inject
