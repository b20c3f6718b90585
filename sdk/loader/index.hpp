// Descriptions of libraries that spare loading them: the index beside a library, and the cache.
// Part of the loader.
#pragma once

#include <optional>

#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::loader {

/// What a file was when it was described.
struct FileStamp {
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
Result<FileStamp> stamp(const std::filesystem::path& file);

/// NAME.so -> NAME.plugin.json, beside it.
std::filesystem::path index_path(const std::filesystem::path& library);

/// The description with the stamp of the library's file.
Result<json> index_document(const LibraryInfo& library);
/// Nothing where `document` is not (any more) the description of what lies at `library`: size and
/// mtime differ, and the digest too.
std::optional<LibraryInfo> read_index(const json& document, const std::filesystem::path& library);

/// A file with the descriptions of many libraries, by path. A broken or missing file is an empty
/// cache.
class DescriptionCache {
 public:
  explicit DescriptionCache(std::filesystem::path file);
  std::optional<LibraryInfo> find(const std::filesystem::path& library) const;
  void put(const LibraryInfo& library);
  /// Writes what was put; forgets libraries that are gone.
  Result<void> save();

 private:
  std::filesystem::path file_;  // empty: nothing is kept
  json entries_ = json::object();
  bool changed_ = false;
};

}  // namespace scanflow::loader
