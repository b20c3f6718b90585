#include "engine/cli/manifest_files.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "sdk/base/files.hpp"

namespace scanflow::cli {
namespace fs = std::filesystem;
namespace {

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with("."); }

bool is_manifest(const fs::path& path) {
  const fs::path extension = path.extension();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

Result<std::vector<std::string>> files_below(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    const bool below = at->is_directory(ignored);
    if (below && is_hidden(at->path())) {
      at.disable_recursion_pending();
    } else if (!below && !is_hidden(at->path()) && is_manifest(at->path())) {
      files.push_back(at->path().string());
    }
  }
  if (error)
    return fail(fmt::format("cannot read the directory {}: {}", directory, error.message()));
  if (files.empty()) {
    return fail(fmt::format("there is no *.yaml, *.yml or *.json in the directory {}, nor below it",
                            directory));
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<std::vector<std::string>> manifest_files(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (path == "-" || !fs::is_directory(path, ignored)) {
      files.push_back(path);
      continue;
    }
    auto below = files_below(path);
    if (!below) return tl::unexpected(below.error());
    files.insert(files.end(), below->begin(), below->end());
  }
  return files;
}

Result<std::string> read_manifest(const std::string& file) {
  return file == "-" ? read_all(STDIN_FILENO, "stdin", kMostText) : read_file(file, kMostText);
}

}  // namespace scanflow::cli
