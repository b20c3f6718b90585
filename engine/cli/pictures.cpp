#include "engine/cli/pictures.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace scanflow::cli {
namespace {

constexpr std::array<std::string_view, 8> kBlocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, 8> kSigns{".", ":", "-", "=", "+", "*", "#", "@"};

/// The greatest of the known ones; NaN: none is.
double greatest(std::span<const double> values) {
  double most = std::numeric_limits<double>::quiet_NaN();
  for (const double value : values) most = std::fmax(most, value);
  return most;
}

bool names_utf8(std::string_view locale) {
  std::string name;
  for (const char c : locale) {
    if (c != '-') name += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return name.find("utf8") != std::string::npos;
}

}  // namespace

Letters letters_of_environment() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* locale = std::getenv(variable);
    if (locale == nullptr || *locale == '\0') continue;
    return names_utf8(locale) ? Letters::unicode : Letters::ascii;
  }
  return Letters::unicode;
}

std::string curve(std::span<const double> values, double most, std::size_t columns,
                  Letters letters) {
  while (!values.empty() && !std::isfinite(values.front())) values = values.subspan(1);
  const auto known = std::count_if(values.begin(), values.end(),
                                   [](double value) { return std::isfinite(value); });
  if (known < 2 || columns == 0) return {};
  const auto& signs = letters == Letters::unicode ? kBlocks : kSigns;
  columns = std::min(columns, values.size());
  std::string out;
  for (std::size_t i = 0; i < columns; ++i) {
    const std::size_t begin = i * values.size() / columns;
    const std::size_t end = (i + 1) * values.size() / columns;
    const double value = greatest(values.subspan(begin, end - begin));
    if (!std::isfinite(value)) {
      out += ' ';
      continue;
    }
    const double part = most > 0 ? std::clamp(value / most, 0.0, 1.0) : 0;
    out += signs.at(static_cast<std::size_t>(std::lround(part * 7)));
  }
  return out;
}

std::string bar(double part, std::size_t columns, Letters letters) {
  const double share = std::isfinite(part) ? std::clamp(part, 0.0, 1.0) : 0;
  const auto full = static_cast<std::size_t>(std::lround(share * static_cast<double>(columns)));
  const bool unicode = letters == Letters::unicode;
  std::string out;
  for (std::size_t i = 0; i < columns; ++i)
    out += i < full ? (unicode ? "█" : "#") : (unicode ? "░" : ".");
  return out;
}

}  // namespace scanflow::cli
