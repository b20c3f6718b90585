// What is registered, in the state directory or at the server; and the pipeline that an argument
// means.
#pragma once

#include <memory>
#include <string>

#include "engine/api/documents.hpp"
#include "engine/cli/context.hpp"
#include "engine/runtime/registry.hpp"
#include "engine/runtime/submission.hpp"

namespace scanflow::cli {

/// An error says that the state directory, or the server's address, is not right.
using Registry = api::Answer<std::unique_ptr<api::Documents>>;
Registry open_registry(const Context& context);
/// Where it is not right, no pipeline can be called by its name. `registry` outlives the result.
runtime::FindDocument find_in(const Registry& registry);

/// The text that is meant, in a submission that has no more yet: stdin for "-"; a file, where there
/// is one; else the registered pipeline. `name_space`: -n, or empty. An error says both that were
/// looked for; that the registry cannot be read is one only where it is needed.
api::Answer<runtime::Submission> find_pipeline(const std::string& argument,
                                               const std::string& name_space,
                                               const Registry& registry);

/// --plugin-dir for an engine that may stand elsewhere.
std::vector<std::string> absolute_plugin_dirs(const Context& context);

}  // namespace scanflow::cli
