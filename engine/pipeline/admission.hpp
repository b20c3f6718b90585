// A document on its way to be run: what agents are shown of it, and what they change before it begins.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sdk/base/result.hpp"

namespace scanflow::pipeline {

using nlohmann::json;

/// {"kind", "namespace", "name", "labels", "params", "document"}: of a checked text.
Result<json> admission_request(const std::string& file, const std::string& source,
                               const std::string& name_space, const json& params);

/// `args`: of the primitive admit: {"patch": a JSON Merge Patch (RFC 7396) of the document, "steps": {NAME, or the
/// beginning of names and '*': a merge patch of each such step}}. Gives JSON, which is YAML. An error: no step is of such
/// a name, or the patch names what may not change (apiVersion, kind, metadata.name, metadata.namespace).
Result<std::string> admitted(const std::string& file, const std::string& source, const json& args);

}  // namespace scanflow::pipeline
