// What is registered, for commands that only read it; and the pipeline that an argument means.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/cli/context.hpp"
#include "engine/runtime/registry.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/store/store.hpp"

namespace scanflow::cli {

/// Null where nothing was ever stored.
using Registry = Result<std::unique_ptr<store::Store>>;
Registry open_registry(const Context& context);
/// Null where it cannot be read, too: then no pipeline can be called by its name.
inline const store::Store* readable(const Registry& registry) {
  return registry ? registry->get() : nullptr;
}

/// The text that is meant, in a submission that has no more yet: stdin for "-"; a file, where there
/// is one; else the registered pipeline. `name_space`: -n, or empty. An error says both that were
/// looked for; that the registry cannot be read is one only where it is needed.
Result<runtime::Submission> find_pipeline(const std::string& argument,
                                          const std::string& name_space, const Registry& registry);

/// "pipeline" of "Pipeline": as it is typed.
std::string kind_word(std::string_view kind);

}  // namespace scanflow::cli
