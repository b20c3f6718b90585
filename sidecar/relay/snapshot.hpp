// What lies in a directory of checkpoints at a moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::relay {

/// A file, or a link, as it was seen: one that was written or replaced meanwhile differs.
struct SeenFile {
  std::uint64_t bytes = 0;
  std::uint64_t inode = 0;
  std::int64_t written_ns = 0;  // mtime: the ctime changes with each link to it
  bool executable = false;
  std::string link;  // where it leads; empty: it is a file
  auto operator<=>(const SeenFile&) const = default;
};

/// By its path in the directory, with '/'.
using Snapshot = std::map<std::string, SeenFile>;

/// All files, and links that lead to something in the directory. `left_out`: what is none of these or cannot be
/// read, each with why. A directory that is not there is empty. An error: it is none, or holds more than `most`;
/// without a message: it changed while it was read, and is to be looked at again.
Result<Snapshot> look_at(const std::filesystem::path& directory, std::size_t most,
                         std::vector<std::string>& left_out);
/// That one only, links are not followed; nothing where there is no such file.
std::optional<SeenFile> look_at_file(const std::filesystem::path& path);

}  // namespace scanflow::relay
