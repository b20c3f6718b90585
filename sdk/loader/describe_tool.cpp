// scanflow-describe: what a plugin library says of itself. Used by scanflow_add_plugin at build
// time, and by discovery.
#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <string_view>

#include "sdk/loader/check.hpp"
#include "sdk/loader/describe.hpp"

namespace {

constexpr std::string_view kUsage =
    "usage: scanflow-describe describe LIBRARY   print its description as JSON\n"
    "       scanflow-describe index LIBRARY      write NAME.plugin.json beside it\n"
    "       scanflow-describe check LIBRARY      does it keep the rules of the plugin boundary?\n";

int index(const std::filesystem::path& library) {
  if (const auto written = scanflow::loader::write_index(library); !written) {
    fmt::print(stderr, "{}\n", written.error().message);
    return 1;
  }
  return 0;
}

int run_check(const std::filesystem::path& library) {
  const auto problems = scanflow::loader::check_library(std::filesystem::absolute(library));
  for (const auto& problem : problems) fmt::print(stderr, "{}: {}\n", library.string(), problem);
  if (problems.empty()) fmt::print("{}: all checks passed\n", library.string());
  return problems.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc == 3) {
    std::string_view verb = argv[1];
    if (verb.starts_with("--")) verb.remove_prefix(2);
    if (verb == "describe") return scanflow::loader::describe_main(argv[2]);
    if (verb == "index") return index(argv[2]);
    if (verb == "check") return run_check(argv[2]);
  }
  fmt::print(stderr, "{}", kUsage);
  return 2;
} catch (const std::exception& error) {
  fmt::print(stderr, "scanflow-describe: {}\n", error.what());
  return 1;
}
