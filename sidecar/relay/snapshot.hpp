// What lies in a directory of checkpoints at a moment.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace scanflow::relay {

/// A file as it was seen: one that was written meanwhile, or replaced, differs.
struct SeenFile {
  std::filesystem::path from;  // absolute; where a link leads
  std::uint64_t bytes = 0;
  std::uint64_t inode = 0;
  std::int64_t changed_ns = 0;  // its ctime: also of one whose mtime was set
  bool executable = false;
  bool operator==(const SeenFile&) const = default;
};

/// By its path in the directory, with '/'.
using Snapshot = std::map<std::string, SeenFile>;

/// All files, also those that links name which lead to files of the directory. `left_out`: what is none, each
/// with its path and why. One that is not there has no files.
Snapshot look_at(const std::filesystem::path& directory, std::vector<std::string>& left_out);
/// That one only; as if it were not there: bytes 0, inode 0.
SeenFile look_at_file(const std::filesystem::path& path);

}  // namespace scanflow::relay
