// The plugins that agents of these tests use.
#pragma once

#include <filesystem>

#include "sdk/loader/catalog.hpp"

namespace scanflow::test {

/// `directory`: empty; they are put there.
inline Result<loader::Catalog> control_plugins(const std::filesystem::path& directory) {
  for (std::filesystem::path library : {SIGNALS_PLUGIN, TIME_PLUGIN, CONTROLLED_PLUGIN}) {
    std::filesystem::create_symlink(library, directory / library.filename());
    library.replace_extension(".plugin.json");
    std::filesystem::copy_file(library, directory / library.filename());
  }
  loader::SearchPath path;
  path.directories = {directory};
  path.worker = WORKER_PROGRAM;
  return loader::Catalog::discover(path);
}

}  // namespace scanflow::test
