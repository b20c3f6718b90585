// The plugins that are linked into every host: `noop`. It goes through the same boundary as a
// plugin from a file. (`command` is described in the catalogue; the worker runs it itself.)
#pragma once

#include "sdk/loader/library.hpp"

namespace scanflow::loader {

/// noop: does nothing; its outputs are its `with`.
const scanflow_plugin_entry& builtin_entry();
/// The same, adopted. Holders keep it.
Result<std::shared_ptr<const Library>> builtin_library();

}  // namespace scanflow::loader
