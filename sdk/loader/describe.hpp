// What `scanflow-worker describe` and scanflow-describe do: each in a process of its own, because
// it loads the library.
#pragma once

#include <filesystem>

#include "sdk/base/result.hpp"

namespace scanflow::loader {

/// Prints the description of the library as JSON. What the library itself prints while it is loaded
/// goes to standard error. Returns the exit status: 0, or 1 with the reason on standard error.
int describe_main(const std::filesystem::path& library);

/// Writes NAME.plugin.json beside NAME.so.
Result<void> write_index(const std::filesystem::path& library);

}  // namespace scanflow::loader
