// What a reference to a model means: a registered version, or a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "engine/store/artifacts.hpp"
#include "engine/store/store.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::track {

struct FoundModel {
  std::string version;  // "3"; of a file its name without the extension
  std::string path;     // absolute: a file or a directory
  // Of one that is in the artifact store; else empty.
  std::string sha256 = {};
  bool directory = false;
  std::uint64_t bytes = 0;
};

/// Is it a registered version (models:/...), not a path?
bool is_registered(const std::string& reference);

/// `reference`: models:/NAME@ALIAS, models:/NAME/VERSION, or models:/NAME (the newest). `store`: null where there is no
/// database yet. An error says what is not there.
Result<FoundModel> find_registered(const store::Store* store, const store::Artifacts& artifacts,
                                   const std::string& reference);
/// The same, or a path, relative to `directory`.
Result<FoundModel> find_model(const store::Store* store,
                              const std::filesystem::path& artifacts_root,
                              const std::string& reference, const std::filesystem::path& directory);

}  // namespace scanflow::track
