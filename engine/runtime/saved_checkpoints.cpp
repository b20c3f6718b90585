#include "engine/runtime/saved_checkpoints.hpp"

#include <fmt/format.h>

#include <system_error>
#include <utility>

#include "sdk/base/digest.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/tree.hpp"

namespace scanflow::runtime {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostManifest = 64u << 20;
constexpr std::size_t kMostSaved = 50'000;  // files of a snapshot
constexpr std::size_t kMostName = 64u << 10;
constexpr std::size_t kSha256Digits = 64;

fs::path by(const fs::path& saved, const std::string& whose) {
  return saved / "by" / sha256_hex(whose).substr(0, 32);
}

}  // namespace

fs::path saved_directory(const fs::path& directory) { return directory.string() + ".saved"; }

fs::path saved_object(const fs::path& saved, const std::string& sha256) {
  return saved / "objects" / sha256;
}

std::map<std::string, std::string> saved_checkpoints(const fs::path& saved) {
  std::map<std::string, std::string> all;
  std::error_code error;  // mostly there is nothing
  for (const auto& entry : fs::directory_iterator(saved / "by", error)) {
    const auto text = read_file(entry.path(), kMostName);
    if (!text || text->size() <= kSha256Digits) continue;
    const std::string sha256 = text->substr(0, kSha256Digits);
    if (is_sha256(sha256) && !objects_of(saved, sha256).empty())
      all[text->substr(kSha256Digits + 1)] = sha256;
  }
  return all;
}

std::set<std::string> objects_of(const fs::path& saved, const std::string& manifest) {
  const auto text = read_file(saved_object(saved, manifest), kMostManifest);
  const auto files = text ? parse_manifest(*text) : tl::unexpected(text.error());
  if (!files) return {};
  std::set<std::string> objects{manifest};
  for (const TreeFile& file : *files) {
    if (file.empty_directory) continue;
    std::error_code error;
    if (!fs::exists(saved_object(saved, file.sha256), error)) return {};
    objects.insert(file.sha256);
  }
  return objects;
}

Result<void> save_object(const fs::path& saved, const fs::path& path, const std::string& sha256) {
  const fs::path object = saved_object(saved, sha256);
  std::error_code error;
  fs::create_directories(object.parent_path(), error);
  if (!error) fs::rename(path, object, error);
  if (error) return fail(fmt::format("cannot save as {}: {}", object.string(), error.message()));
  return {};
}

Result<void> save_snapshot(const fs::path& saved, const std::string& whose, const fs::path& path,
                           const std::string& sha256, const std::set<std::string>& in_use) {
  const auto text = read_file(path, kMostManifest);
  const auto files = text ? parse_manifest(*text) : tl::unexpected(text.error());
  if (!files) return tl::unexpected(files.error());
  if (files->size() > kMostSaved)
    return fail(fmt::format("it names more than {} files", kMostSaved));
  if (auto object = save_object(saved, path, sha256); !object) return object;
  if (objects_of(saved, sha256).empty())
    return fail("a file of the snapshot has not been saved before it");
  const fs::path name = by(saved, whose);
  std::error_code error;
  fs::create_directories(name.parent_path(), error);
  if (auto written = write_file_atomically(name, sha256 + " " + whose); !written) return written;
  std::set<std::string> kept = in_use;
  for (const auto& [each, manifest] : saved_checkpoints(saved))
    kept.merge(objects_of(saved, manifest));
  for (const auto& entry : fs::directory_iterator(saved / "objects", error)) {
    if (!kept.contains(entry.path().filename())) fs::remove(entry.path(), error);
  }
  return {};
}

}  // namespace scanflow::runtime
