// Artifacts by SHA-256, under STATE/artifacts: files in objects/ab/cdef..., directories as views in
// trees/ab/cdef.../ whose files are hard links to objects. Read-only; written once; never changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "sdk/base/result.hpp"

namespace scanflow::store {

struct Artifact {
  std::string sha256;  // of the file; of a directory: of its sorted manifest ("sha256 bytes mode
                       // path\n" each)
  std::filesystem::path path;  // absolute; what a step reads
  std::uint64_t bytes = 0;
  bool directory = false;
};

class Artifacts {
 public:
  explicit Artifacts(std::filesystem::path root);

  /// Takes what lies at `source` (a file, or a directory of files) into the store: moved where it
  /// is on the same file system, else copied; what was there before wins. After a crash in the
  /// middle nothing half is visible. Symbolic links and special files are refused, by name.
  /// [any-thread]
  Result<Artifact> put(const std::filesystem::path& source);

  /// Is it there, and of the size it had? (The bytes are verified by verify.) [any-thread]
  bool has(const std::string& sha256, bool directory) const;
  Result<Artifact> find(const std::string& sha256, bool directory) const;
  /// Reads all of it again and compares the digest.
  Result<void> verify(const Artifact& artifact) const;

 private:
  std::filesystem::path root_;
};

}  // namespace scanflow::store
