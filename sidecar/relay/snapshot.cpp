#include "sidecar/relay/snapshot.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <system_error>

namespace scanflow::relay {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;

bool leads_inside(const fs::path& path, const fs::path& directory) {
  std::error_code error;
  const fs::path root = fs::canonical(directory, error);
  const fs::path target = error ? fs::path() : fs::canonical(path, error);
  return !error &&
         std::mismatch(root.begin(), root.end(), target.begin(), target.end()).first == root.end();
}

}  // namespace

SeenFile look_at_file(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {.from = path};
  return {path, static_cast<std::uint64_t>(status.st_size), status.st_ino,
          status.st_ctim.tv_sec * kNanoseconds + status.st_ctim.tv_nsec,
          (status.st_mode & 0111) != 0};
}

Snapshot look_at(const fs::path& directory, std::vector<std::string>& left_out) {
  Snapshot files;
  std::error_code error;
  fs::recursive_directory_iterator entry(directory, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code gone;  // meanwhile
    const fs::file_status status = entry->symlink_status(gone);
    if (gone || fs::is_directory(status)) continue;
    const std::string name = entry->path().lexically_relative(directory).generic_string();
    fs::path from = entry->path();
    if (fs::is_symlink(status)) {
      if (!leads_inside(from, directory) || !fs::is_regular_file(from, gone)) {
        left_out.push_back(name + " is a link that leads to no file of the directory");
        continue;
      }
      from = fs::canonical(from, gone);
    } else if (!fs::is_regular_file(status)) {
      left_out.push_back(name + " is no file");
      continue;
    }
    if (name.find('\n') != std::string::npos) {
      left_out.push_back("a file whose name has a line break");
      continue;
    }
    if (const SeenFile seen = look_at_file(from); seen.inode != 0) files[name] = seen;
  }
  return files;
}

}  // namespace scanflow::relay
