// Describes a library in a child process: one that crashes or hangs while it is loaded takes only
// the child along. Part of the loader.
#pragma once

#include <chrono>
#include <filesystem>

#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::loader {

/// Runs `program describe LIBRARY` (scanflow-worker or scanflow-describe). Errors start with the
/// library's path. Blocks, at most for `deadline`.
Result<LibraryInfo> describe_in_child(const std::filesystem::path& program,
                                      const std::filesystem::path& library,
                                      std::chrono::milliseconds deadline);

}  // namespace scanflow::loader
