// What a directory holds, and the manifest whose digest is the directory's identity.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow {

struct TreeFile {
  std::string path;  // relative, with '/'
  std::string sha256;
  std::uint64_t bytes = 0;
  bool executable = false;
  bool link = false;             // of checkpoints only: its content is where it leads
  bool empty_directory = false;  // the only directories that are listed: the others follow from
                                 // their files
};

/// All files below `directory`, sorted by the bytes of their path; digests are left empty. An error
/// names the first symbolic link, special file, or name with a line break.
Result<std::vector<TreeFile>> list_tree(const std::filesystem::path& directory);

/// A line "sha256 bytes mode path\n" for each; mode is 444 or 555, of a link 777. An empty directory is
/// "- 0 755 path/\n".
std::string manifest_of(const std::vector<TreeFile>& files);
Result<std::vector<TreeFile>> parse_manifest(const std::string& text);

}  // namespace scanflow
