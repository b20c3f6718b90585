// The digest of a file as it is read, or copied.
#pragma once

#include <filesystem>
#include <string>

#include "sdk/base/result.hpp"

namespace scanflow::store {

/// SHA-256 of a regular file; symbolic links are not followed. `copy_to`: a descriptor that gets
/// the same bytes, or -1.
Result<std::string> digest_file(const std::filesystem::path& path, int copy_to = -1);

}  // namespace scanflow::store
