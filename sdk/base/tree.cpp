#include "sdk/base/tree.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <system_error>

#include "sdk/base/digest.hpp"
#include "sdk/base/files.hpp"

namespace scanflow {

namespace fs = std::filesystem;

namespace {

Result<void> check_entry(const fs::path& path, const struct stat& status) {
  if (path.native().find('\n') != std::string::npos) {
    return fail(
        fmt::format("cannot store {}: its name has a line break; rename it", path.string()));
  }
  if (S_ISLNK(status.st_mode)) {
    return fail(
        fmt::format("cannot store {}: it is a symbolic link; write the file itself in its place",
                    path.string()));
  }
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
    return fail(fmt::format(
        "cannot store {}: it is neither a file nor a directory (a socket, pipe or device)",
        path.string()));
  }
  return {};
}

/// Relative, and nowhere out of where it is put.
bool is_inside(const fs::path& path) {
  return path.is_relative() && !path.empty() &&
         std::none_of(path.begin(), path.end(),
                      [](const fs::path& part) { return part == ".." || part == "."; });
}

}  // namespace

Result<std::vector<TreeFile>> list_tree(const fs::path& directory) {
  std::vector<TreeFile> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(directory, error);
  const fs::recursive_directory_iterator end;
  for (; !error && entry != end; entry.increment(error)) {
    const fs::path& path = entry->path();
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
      return fail(describe_errno("cannot store", path, errno));
    }
    if (auto fit = check_entry(path, status); !fit) return tl::unexpected(fit.error());
    TreeFile file{.path = path.lexically_relative(directory).generic_string()};
    if (S_ISDIR(status.st_mode)) {
      const bool empty = fs::is_empty(path, error);
      if (error) break;
      if (!empty) continue;
      file.empty_directory = true;
    } else {
      file.bytes = static_cast<std::uint64_t>(status.st_size);
      file.executable = (status.st_mode & 0111) != 0;
    }
    files.push_back(std::move(file));
  }
  if (error) {
    return fail(fmt::format("cannot read directory {}: {}", directory.string(), error.message()));
  }
  std::sort(files.begin(), files.end(),
            [](const TreeFile& a, const TreeFile& b) { return a.path < b.path; });
  return files;
}

std::string manifest_of(const std::vector<TreeFile>& files) {
  std::string text;
  for (const TreeFile& file : files) {
    if (file.empty_directory) {
      text += fmt::format("- 0 755 {}/\n", file.path);
    } else {
      text += fmt::format("{} {} {} {}\n", file.sha256, file.bytes,
                          file.link         ? 777
                          : file.executable ? 555
                                            : 444,
                          file.path);
    }
  }
  return text;
}

Result<std::vector<TreeFile>> parse_manifest(const std::string& text) {
  std::vector<TreeFile> files;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    TreeFile file;
    int mode = 0;
    if (!(fields >> file.sha256 >> file.bytes >> mode) || fields.get() != ' ' ||
        !std::getline(fields, file.path) || file.path.empty()) {
      return fail(fmt::format("a manifest has a line that is none: '{}'", line));
    }
    file.executable = mode == 555;
    file.link = mode == 777;
    file.empty_directory = file.sha256 == "-";
    if (file.empty_directory) file.path.pop_back();
    if (!is_inside(file.path) || !(file.empty_directory || is_sha256(file.sha256)))
      return fail(fmt::format("a manifest has a line that is none: '{}'", line));
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace scanflow
