#include "engine/runtime/document_files.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "engine/pipeline/documents.hpp"
#include "engine/pipeline/text.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::runtime {
namespace fs = std::filesystem;
namespace {

bool is_document(const fs::directory_entry& entry) {
  const fs::path& path = entry.path();
  std::error_code ignored;
  return (path.extension() == ".yaml" || path.extension() == ".yml") &&
         !path.filename().string().starts_with(".") && !entry.is_directory(ignored);
}

template <class Iterator>
std::error_code list(const fs::path& directory, std::vector<std::string>& files) {
  std::error_code error;
  for (Iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (is_document(*at)) files.push_back(at->path().string());
  }
  return error;
}

Result<std::vector<std::string>> files_of(const std::string& path, bool recursive) {
  std::error_code error;
  if (path == "-" || !fs::is_directory(path, error)) return std::vector{path};
  std::vector<std::string> files;
  error = recursive ? list<fs::recursive_directory_iterator>(path, files)
                    : list<fs::directory_iterator>(path, files);
  if (error) return fail(fmt::format("cannot read the directory {}: {}", path, error.message()));
  if (files.empty()) {
    return fail(fmt::format("there is no *.yaml or *.yml in {}{}", path,
                            recursive ? "" : " (-R looks below it too)"));
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// An engine is sent JSON, which holds UTF-8 only.
Result<pipeline::SourceText> read_text(const std::string& file) {
  if (!pipeline::is_utf8(file)) {
    return fail(
        fmt::format("the file's name is not UTF-8 text: {}; rename it", pipeline::printable(file)));
  }
  auto text = file == "-" ? read_all(STDIN_FILENO, "stdin", kMostText) : read_file(file, kMostText);
  if (!text) return tl::unexpected(text.error());
  pipeline::SourceText source{file == "-" ? "<stdin>" : file, std::move(*text)};
  if (pipeline::find_not_text(source.text) != std::string::npos)
    return fail(pipeline::read_names({&source, 1}, "").rendered);
  return source;
}

}  // namespace

Result<std::vector<pipeline::SourceText>> read_document_files(const std::vector<std::string>& paths,
                                                              bool recursive) {
  std::vector<pipeline::SourceText> texts;
  std::size_t bytes = 0;
  for (const std::string& path : paths) {
    const auto files = files_of(path, recursive);
    if (!files) return tl::unexpected(files.error());
    for (const std::string& file : *files) {
      auto text = read_text(file);
      if (!text) return tl::unexpected(text.error());
      bytes += text->text.size();
      texts.push_back(std::move(*text));
      if (texts.size() <= kMostFiles && bytes <= kMostBytes) continue;
      return fail(
          fmt::format("more than {} files or {} MiB at once ({} is one too many): name "
                      "fewer of them",
                      kMostFiles, kMostBytes >> 20, file));
    }
  }
  return texts;
}

}  // namespace scanflow::runtime
