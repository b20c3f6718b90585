// Manifests on disk.
#pragma once

#include <string>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::cli {

/// Files as they are, "-", and of directories the *.yaml, *.yml and *.json that are in them and
/// below, sorted; hidden ones not. An error names what is not there, or holds none.
Result<std::vector<std::string>> manifest_files(const std::vector<std::string>& paths);

/// Of a file or of stdin ("-"); at most 64 MiB.
Result<std::string> read_manifest(const std::string& file);

}  // namespace scanflow::cli
