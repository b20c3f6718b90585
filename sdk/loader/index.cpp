#include "sdk/loader/index.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "sdk/base/digest.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::loader {

namespace fs = std::filesystem;

Result<FileStamp> stamp(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return fail(describe_errno("cannot read", file, errno));
  return FileStamp{static_cast<std::uint64_t>(status.st_size),
                   std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

fs::path index_path(const fs::path& library) {
  auto path = library;
  return path.replace_extension(".plugin.json");
}

Result<json> index_document(const LibraryInfo& library) {
  const auto file = stamp(library.path);
  if (!file) return fail(file.error().message);
  auto document = to_json(library);
  document["file"] = {{"bytes", file->bytes}, {"mtime_ns", file->mtime_ns}};
  return document;
}

std::optional<LibraryInfo> read_index(const json& document, const fs::path& library) {
  const auto now = stamp(library);
  auto info = library_from_json(document);
  if (!now || !info || !document.contains("file")) return std::nullopt;
  const auto& file = document["file"];
  if (!file.is_object()) return std::nullopt;
  const FileStamp then{file.value("bytes", std::uint64_t{0}),
                       file.value("mtime_ns", std::int64_t{0})};
  if (then.bytes != now->bytes) return std::nullopt;
  if (then != *now) {
    const auto digest = sha256_file(library);
    if (!digest || *digest != info->sha256) return std::nullopt;
  }
  info->path = library;  // it may have been moved or installed since
  for (auto& plugin : info->plugins) plugin.library = library;
  return std::move(*info);
}

DescriptionCache::DescriptionCache(fs::path file) : file_(std::move(file)) {
  if (file_.empty()) return;
  const auto text = read_file(file_);
  if (!text) return;
  auto document = json::parse(*text, nullptr, false);
  if (document.is_object()) entries_ = std::move(document);
}

std::optional<LibraryInfo> DescriptionCache::find(const fs::path& library) const {
  const auto found = entries_.find(library.string());
  return found == entries_.end() ? std::nullopt : read_index(*found, library);
}

void DescriptionCache::put(const LibraryInfo& library) {
  auto document = index_document(library);
  if (!document) return;  // gone meanwhile
  entries_[library.path.string()] = std::move(*document);
  changed_ = true;
}

Result<void> DescriptionCache::save() {
  if (file_.empty() || !changed_) return {};
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    entry = fs::exists(entry.key()) ? std::next(entry) : entries_.erase(entry);
  }
  changed_ = false;
  return write_file_atomically(file_, entries_.dump());
}

}  // namespace scanflow::loader
