#include "tests/lint/names_rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <sstream>

namespace scanflow::lint {
namespace {

struct Place {
  std::string file;
  int line = 0;
};
/// By name.
using Places = std::map<std::string, std::vector<Place>>;

/// The name that a line declares; "" where it declares none.
std::string declared_by(const std::string& line) {
  static const std::regex kType(R"(^(?:struct|class|union|enum class|enum) (\w+))");
  static const std::regex kConstant(
      R"(^(?:inline |static |constexpr |const |thread_local )+[^=;({]*?\b(\w+)(?:\{|\s*=|\[|;))");
  static const std::regex kFunction(
      R"(^(?!return|else|using|namespace|static_assert|friend|TEST|SCANFLOW)[\w:<>,&*\s]+?[\s&*](\w+)\()");
  for (const std::regex* each : {&kType, &kConstant, &kFunction}) {
    std::smatch found;
    if (std::regex_search(line, found, *each)) return found[1];
  }
  return {};
}

void note(const std::string& file, const std::string& text, Places& places) {
  std::istringstream lines(text);
  std::string line;
  bool inside = false;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.starts_with("namespace {")) inside = true;
    if (line == "}  // namespace") inside = false;
    if (!inside || line.empty() || line.front() == ' ') continue;
    const std::string name = declared_by(line);
    if (name.empty()) continue;
    std::vector<Place>& known = places[name];
    if (known.empty() || known.back().file != file) known.push_back({file, number});
  }
}

}  // namespace

std::vector<std::string> names_twice(const Tree& tree) {
  std::map<std::string, Places> folders;
  for (const auto& [path, text] : tree) {
    if (path.ends_with(".cpp"))
      note(path, text, folders[std::filesystem::path(path).parent_path()]);
  }
  std::vector<std::string> found;
  for (const auto& [folder, places] : folders) {
    for (const auto& [name, known] : places) {
      for (std::size_t i = 1; i < known.size(); ++i) {
        found.push_back(
            fmt::format("{}:{}: {} is in the anonymous namespace of {} too: give it a name "
                        "of its own, or share it",
                        known[i].file, known[i].line, name, known[0].file));
      }
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace scanflow::lint
