// Small file helpers that keep the reason of a failure.
#pragma once

#include <cstddef>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>

#include "sdk/base/result.hpp"

namespace scanflow {

/// Of texts that people write: more is not read where a user names the file (/dev/zero has no end).
inline constexpr std::size_t kMostText = 64u << 20;
inline constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();

/// The whole file; an error names the path and the system's reason, or that it has more than `most`
/// bytes.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t most = kUnbounded);
/// The same of a regular file only: others may keep whoever reads them waiting for ever.
Result<std::string> read_regular_file(const std::filesystem::path& path,
                                      std::size_t most = kUnbounded);
/// What is still to be read from a descriptor; `name`: what an error calls it.
Result<std::string> read_all(int fd, const std::string& name, std::size_t most = kUnbounded);
/// Writes a temporary file beside `path` and renames it: readers see the old or the new, never a
/// part.
Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view content);
/// Where a user says: what is there and is no regular file is written into; else as above, of a link what it is one to,
/// and with the mode that the file has.
Result<void> write_where_told(const std::filesystem::path& path, std::string_view content);
/// An exclusive flock() of it. Who holds it may be about to end: it is tried for `patience_ms`. False:
/// somebody else has it still.
bool lock_patiently(int fd, int patience_ms);
/// "what PATH: reason of errno".
std::string describe_errno(std::string_view what, const std::filesystem::path& path, int error);

}  // namespace scanflow
