#include "sidecar/relay/snapshot.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

namespace scanflow::relay {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;

/// A link that is to hold in another Pod, too.
bool leads_inside(const fs::path& path, const std::string& target, const fs::path& directory) {
  std::error_code error;
  if (target.empty() || target.front() == '/') return false;
  const fs::path root = fs::canonical(directory, error);
  const fs::path there = error ? fs::path() : fs::canonical(path, error);
  return !error &&
         std::mismatch(root.begin(), root.end(), there.begin(), there.end()).first == root.end();
}

/// Why it is not saved; empty: it is.
std::string unfit(const fs::path& path, const SeenFile& seen, const fs::path& directory) {
  if (path.native().find('\n') != std::string::npos) return "its name has a line break";
  if (!seen.link.empty())
    return leads_inside(path, seen.link, directory) ? ""
                                                    : "it is a link to something that is elsewhere";
  return ::access(path.c_str(), R_OK) == 0 ? "" : "it cannot be read";
}

}  // namespace

std::optional<SeenFile> look_at_file(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  SeenFile seen;
  seen.bytes = static_cast<std::uint64_t>(status.st_size);
  seen.inode = status.st_ino;
  seen.written_ns = status.st_mtim.tv_sec * kNanoseconds + status.st_mtim.tv_nsec;
  if (S_ISLNK(status.st_mode)) {
    std::error_code error;
    seen.link = fs::read_symlink(path, error);
    return error ? std::nullopt : std::optional(seen);
  }
  seen.executable = (status.st_mode & 0111) != 0;
  return S_ISREG(status.st_mode) ? std::optional(seen) : std::nullopt;
}

Result<Snapshot> look_at(const fs::path& directory, std::size_t most,
                         std::vector<std::string>& left_out) {
  Snapshot files;
  std::error_code error;
  const fs::file_status root = fs::symlink_status(directory, error);
  if (root.type() == fs::file_type::not_found) return files;
  if (!fs::is_directory(root)) return fail(directory.string() + " is no directory");
  const auto changed = fail("");
  std::size_t entries = 0;
  fs::recursive_directory_iterator entry(directory, fs::directory_options::skip_permission_denied,
                                         error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (++entries > most)
      return fail(
          fmt::format("{} has more than {} files: put them into fewer", directory.string(), most));
    const fs::path& path = entry->path();
    const std::string name = path.lexically_relative(directory).generic_string();
    std::error_code gone;
    const fs::file_status status = entry->symlink_status(gone);
    if (gone) return changed;
    if (fs::is_directory(status)) {
      if (::access(path.c_str(), R_OK | X_OK) != 0)
        left_out.push_back(name + ": it cannot be read");
      continue;
    }
    auto seen = look_at_file(path);
    if (!seen && (fs::is_regular_file(status) || fs::is_symlink(status))) return changed;
    std::string why = seen ? unfit(path, *seen, directory) : "it is no file";
    if (why.empty()) {
      files.emplace(name, std::move(*seen));
    } else {
      left_out.push_back(name + ": " + why);
    }
  }
  if (error) return changed;  // one of its directories went
  return files;
}

}  // namespace scanflow::relay
