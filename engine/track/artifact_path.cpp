#include "engine/track/artifact_path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "sdk/base/text.hpp"

namespace scanflow::track {
namespace {

/// What a client that decodes it once more takes it for; nothing where that is the same.
std::optional<std::string> decoded_once(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    unsigned value = 0;
    const char* digits = name.data() + i + 1;
    if (name[i] == '%' && i + 2 < name.size() &&
        std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += name[i];
    }
  }
  if (out == name) return std::nullopt;
  return out;
}

/// "" where nothing is.
std::string wrong_with(std::string_view name) {
  if (name.empty()) return "has an empty name in it";
  if (name == "." || name == "..") return "leads out of its folder";
  if (name.find_first_of("/\\") != std::string_view::npos) return "has a slash within a name";
  const bool control = std::any_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (control) return "has a control character in it";
  const auto again = decoded_once(name);
  return again ? wrong_with(*again) : "";
}

tl::unexpected<Problem> wrong_path(std::string_view path, const std::string& why) {
  return invalid(
      fmt::format("the path '{}' {}: it must be like folder/name, relative, of at most {} "
                  "bytes",
                  valid_utf8(std::string(path.substr(0, 100))), why, kMostPath));
}

}  // namespace

Answer<void> check_artifact_path(std::string_view path) {
  if (path.size() > kMostPath) return wrong_path(path, fmt::format("has {} bytes", path.size()));
  if (valid_utf8(std::string(path)) != path) return wrong_path(path, "is no UTF-8");
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (const std::string why = wrong_with(path.substr(begin, end - begin)); !why.empty())
      return wrong_path(path, why);
    begin = end + 1;
  }
  return {};
}

}  // namespace scanflow::track
