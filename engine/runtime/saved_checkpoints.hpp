// What Pods have saved of their checkpoints (checkpoints.hpp): WORK.saved beside WORK, with
//   objects/SHA256    a file, or the manifest of a snapshot (tree.hpp)
//   by/HASH           "SHA256 WHOSE": whose last snapshot that is; of a gang each rank has one
// Functions for one thread at a time for each directory, but saved_checkpoints, which any may call.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "sdk/base/result.hpp"

namespace scanflow::runtime {

/// Of the work whose checkpoints lie at `directory`.
std::filesystem::path saved_directory(const std::filesystem::path& directory);

/// Whose there are, with the digests of their manifests; only what is there as a whole.
std::map<std::string, std::string> saved_checkpoints(const std::filesystem::path& saved);
/// The digests of what a manifest names, and its own; nothing where it is not there as a whole.
std::set<std::string> objects_of(const std::filesystem::path& saved, const std::string& manifest);
std::filesystem::path saved_object(const std::filesystem::path& saved, const std::string& sha256);

/// Takes a file there: `path` is gone then. It has this digest.
Result<void> save_object(const std::filesystem::path& saved, const std::filesystem::path& path,
                         const std::string& sha256);
/// The manifest that lies at `path` is from now on the last snapshot of `whose`; what nothing names any more is
/// removed, but for what is `in_use`. An error: it is none, or a file of it is not there; nothing has changed.
Result<void> save_snapshot(const std::filesystem::path& saved, const std::string& whose,
                           const std::filesystem::path& path, const std::string& sha256,
                           const std::set<std::string>& in_use);

}  // namespace scanflow::runtime
