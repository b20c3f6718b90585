// Small file helpers that keep the reason of a failure.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "sdk/base/result.hpp"

namespace scanflow {

/// The whole file; an error names the path and the system's reason.
Result<std::string> read_file(const std::filesystem::path& path);
/// What is still to be read from a descriptor; `name`: what an error calls it.
Result<std::string> read_all(int fd, const std::string& name);
/// Writes a temporary file beside `path` and renames it: readers see the old or the new, never a
/// part.
Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content);
/// "what PATH: reason of errno".
std::string describe_errno(std::string_view what, const std::filesystem::path& path, int error);

}  // namespace scanflow
