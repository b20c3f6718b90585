// Reads what a plugin library says of itself, trusting nothing. Part of the loader.
#pragma once

#include <scanflow/abi/plugin.h>

#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::loader {

/// The frozen bytes first, then what struct_size covers. Errors start with `where`.
Result<void> check_entry(const scanflow_plugin_entry& entry, const std::string& where);

/// After init: reads all descriptors of all factories. `path` and `sha256` of the result are empty.
Result<LibraryInfo> read_entry(const scanflow_plugin_entry& entry, const std::string& where);

}  // namespace scanflow::loader
