#include "plugins/triggers/file/listing.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>

namespace scanflow::triggers {
namespace {

constexpr std::size_t kMostFiles = 50'000;
constexpr std::chrono::milliseconds kLongest{500};

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

[[noreturn]] void cannot_look(const std::string& path, int error) {
  const char* fix = error == EACCES ? "; let the agent's user read and search it" : "";
  throw std::runtime_error(fmt::format("cannot look for files in {}: {}{}", path,
                                       std::generic_category().message(error), fix));
}

std::int64_t ns_of(const struct statx_timestamp& time) {
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

/// Nothing where there is none any more.
std::optional<struct statx> look_at(int directory, const std::string& where, const char* name,
                                    int flags) {
  struct statx found {};
  if (::statx(directory, name, flags, STATX_BASIC_STATS | STATX_BTIME, &found) == 0) return found;
  // Gone meanwhile, or a link to nothing.
  if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == ESTALE) return std::nullopt;
  // A link into a place that is closed to us.
  if (errno == EACCES && flags == 0) return std::nullopt;
  cannot_look(where + "/" + name, errno);
}

std::optional<FileEntry> entry_of(int directory, const std::string& where, const char* name,
                                  bool may_be_link) {
  std::int64_t linked_ns = INT64_MIN;
  auto found = look_at(directory, where, name, AT_SYMLINK_NOFOLLOW);
  if (found && may_be_link && S_ISLNK(found->stx_mode)) {
    linked_ns = ns_of(found->stx_ctime);
    found = look_at(directory, where, name, 0);
  }
  if (!found || !S_ISREG(found->stx_mode)) return std::nullopt;
  const bool has_birth = (found->stx_mask & STATX_BTIME) != 0;
  return FileEntry{.name = name,
                   .bytes = found->stx_size,
                   .inode = found->stx_ino,
                   .modified_ns = ns_of(found->stx_mtime),
                   .changed_ns = std::max(linked_ns, ns_of(found->stx_ctime)),
                   .born_ns = has_birth ? ns_of(found->stx_btime) : 0};
}

/// One file, given by its name.
Listing list_one(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string where = path.substr(0, slash);
  Listing listing;
  listing.is_alone = true;
  const int directory = ::open((where + "/").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) cannot_look(where, errno);
  const std::shared_ptr<void> closing(nullptr, [directory](void*) { ::close(directory); });
  if (auto entry = entry_of(directory, where, path.c_str() + slash + 1, true))
    listing.files.push_back(std::move(*entry));
  return listing;
}

bool may_be_file(const dirent& entry) {
  return entry.d_type == DT_REG || entry.d_type == DT_LNK || entry.d_type == DT_UNKNOWN;
}

}  // namespace

FilePlace place_of(const std::string& path) {
  if (!path.starts_with('/'))
    throw std::invalid_argument("'" + path + "' is relative; write it from the root: /data/in");
  std::string whole = path;
  while (whole.size() > 1 && whole.back() == '/') whole.pop_back();
  const auto slash = whole.rfind('/');
  FilePlace place{whole, "*"};
  if (whole.find_first_of("*?[", slash) != std::string::npos)
    place = {slash == 0 ? "/" : whole.substr(0, slash), whole.substr(slash + 1)};
  if (place.directory.find_first_of("*?[") != std::string::npos)
    throw std::invalid_argument("'" + path +
                                "': its last part alone may be a pattern: /data/in/*.csv; write a "
                                "rule for each directory");
  return place;
}

Listing list_files(const FilePlace& place) {
  const auto begin = std::chrono::steady_clock::now();
  Listing listing;
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(place.directory.c_str()));
  if (!directory) {
    if (errno == ENOENT) return {.is_missing = true};
    if (errno == ENOTDIR && place.pattern == "*") return list_one(place.directory);
    cannot_look(place.directory, errno);
  }
  std::size_t seen = 0;
  for (;;) {
    errno = 0;
    const dirent* const each = ::readdir(directory.get());
    if (each == nullptr && errno != 0) cannot_look(place.directory, errno);
    if (each == nullptr) return listing;
    if (++seen % 64 == 0 && std::chrono::steady_clock::now() - begin > kLongest)
      throw std::runtime_error(fmt::format(
          "looking at {} took longer than {} ms, for its first {} entries; move files that are "
          "done away, or write a narrower pattern",
          place.directory, kLongest.count(), seen));
    if (!may_be_file(*each) || ::fnmatch(place.pattern.c_str(), each->d_name, FNM_PERIOD) != 0)
      continue;
    auto entry =
        entry_of(::dirfd(directory.get()), place.directory, each->d_name, each->d_type != DT_REG);
    if (entry) listing.files.push_back(std::move(*entry));
    if (listing.files.size() > kMostFiles)
      throw std::runtime_error(fmt::format(
          "{} has more than {} files that match '{}'; move files that are done away, or write a "
          "narrower pattern",
          place.directory, kMostFiles, place.pattern));
  }
}

}  // namespace scanflow::triggers
