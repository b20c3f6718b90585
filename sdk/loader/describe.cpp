#include "sdk/loader/describe.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "sdk/base/files.hpp"
#include "sdk/loader/index.hpp"
#include "sdk/loader/library.hpp"

namespace scanflow::loader {

namespace fs = std::filesystem;

namespace {

Result<json> load_and_describe(const fs::path& library) {
  std::error_code error;
  const auto path = fs::absolute(library, error);
  auto info = describe(error ? library : path);
  if (!info) return fail(info.error().message);
  return index_document(*info);
}

}  // namespace

int describe_main(const fs::path& library) {
  const int out = dup(STDOUT_FILENO);
  if (out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
    fmt::print(stderr, "{}: cannot redirect standard output\n", library.string());
    return 1;
  }
  const auto document = load_and_describe(library);
  if (!document) {
    fmt::print(stderr, "{}\n", document.error().message);
    return 1;
  }
  auto text = document->dump(1);
  text += '\n';
  for (std::size_t at = 0; at < text.size();) {
    const auto count = write(out, text.data() + at, text.size() - at);
    if (count <= 0) return 1;
    at += static_cast<std::size_t>(count);
  }
  return 0;
}

Result<void> write_index(const fs::path& library) {
  const auto document = load_and_describe(library);
  if (!document) return fail(document.error().message);
  return write_file_atomically(index_path(fs::absolute(library)), document->dump(1) + "\n");
}

}  // namespace scanflow::loader
