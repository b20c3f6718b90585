// What a service's `model` means: a registered version, or a file.
#pragma once

#include <filesystem>
#include <string>

#include "engine/store/store.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::serve {

struct FoundModel {
  std::string version;      // "3"; of a file its name without the extension
  std::string path;         // absolute: a file or a directory
  std::string sha256 = {};  // of one that is in the artifact store; else empty
  bool directory = false;
};

/// Is it a registered version (models:/...), not a path?
bool is_registered(const std::string& reference);

/// `reference`: models:/NAME@ALIAS, models:/NAME/VERSION, models:/NAME (the newest), or a path, relative
/// to `directory`. `store`: null where there is no database yet. An error says what is not there.
Result<FoundModel> find_model(store::Store* store, const std::filesystem::path& artifacts_root,
                              const std::string& reference, const std::filesystem::path& directory);

}  // namespace scanflow::serve
