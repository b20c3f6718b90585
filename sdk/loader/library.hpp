// Loads a plugin library into this process. Libraries stay for the life of the process.
#pragma once

#include <scanflow/abi/plugin.h>
#include <scanflow/abi/step.h>
#include <filesystem>
#include <memory>

#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::loader {

class Library {
 public:
  /// Absolute path. Binds immediately; checks the frozen bytes, versions, struct sizes and
  /// descriptors; runs init; refuses a library that started a thread. The same path again gives the
  /// same library. Errors carry the dynamic linker's words, and the fix. [any-thread, serialised
  /// inside]
  static Result<std::shared_ptr<const Library>> load(const std::filesystem::path& path);
  /// A library that is linked in (built-in plugins, tests).
  static Result<std::shared_ptr<const Library>> adopt(const scanflow_plugin_entry& entry,
                                                      const std::string& name);

  const LibraryInfo& info() const;
  /// Null where the library has none of that kind.
  const scanflow_step_factory* steps() const;
  const void* factory(const char* id) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

/// Loads the library and describes it. Call it in a process of its own: `scanflow-worker describe`.
Result<LibraryInfo> describe(const std::filesystem::path& path);

}  // namespace scanflow::loader
