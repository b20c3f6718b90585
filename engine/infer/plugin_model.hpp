// A plugin's instance as a model.
#pragma once

#include <memory>

#include "engine/infer/document.hpp"
#include "engine/infer/model.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::infer {

/// Loads one version of a node: may take long. What the plugin logs goes to stderr, with the node's
/// name. The error names node, version and plugin.
Result<std::shared_ptr<Model>> load_plugin(const NodeDocument& node, const VersionDocument& version,
                                           std::uint32_t threads);

}  // namespace scanflow::infer
