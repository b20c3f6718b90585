#include "sdk/base/units.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

namespace scanflow {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 7> kDurations{{{"us", 1},
                                          {"ms", 1e3},
                                          {"s", 1e6},
                                          {"m", 60e6},
                                          {"h", 3600e6},
                                          {"d", 86400e6},
                                          {"w", 604800e6}}};
constexpr std::array<Unit, 9> kSizes{{{"", 1},
                                      {"k", 1e3},
                                      {"M", 1e6},
                                      {"G", 1e9},
                                      {"T", 1e12},
                                      {"Ki", 1024.0},
                                      {"Mi", 1048576.0},
                                      {"Gi", 1073741824.0},
                                      {"Ti", 1099511627776.0}}};

/// Takes a number without a sign off the front.
std::optional<double> take_number(std::string_view& text) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end == text.data() || text.front() == '-' || !std::isfinite(value)) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::string_view take_letters(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() &&
         ((text[n] >= 'a' && text[n] <= 'z') || (text[n] >= 'A' && text[n] <= 'Z'))) {
    ++n;
  }
  const std::string_view letters = text.substr(0, n);
  text.remove_prefix(n);
  return letters;
}

template <std::size_t N>
std::optional<double> factor_of(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

}  // namespace

Result<std::int64_t> parse_duration(std::string_view text) {
  const std::string_view whole = text;
  double total = 0;
  do {
    const auto number = take_number(text);
    const auto factor = number ? factor_of(kDurations, take_letters(text)) : std::nullopt;
    if (!factor) {
      return fail(fmt::format(
          "'{}' is not a duration (a number and a unit of us, ms, s, m, h, d, w: 500ms, 1h30m)",
          whole));
    }
    total += *number * *factor;
  } while (!text.empty());
  if (total > 9e18) return fail(fmt::format("'{}' is too long a duration", whole));
  return static_cast<std::int64_t>(std::llround(total));
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  const std::string_view whole = text;
  const auto number = take_number(text);
  const auto factor = number ? factor_of(kSizes, take_letters(text)) : std::nullopt;
  if (!factor || !text.empty()) {
    return fail(fmt::format("'{}' is not a size (bytes, or with a unit: 512Mi, 1.5G)", whole));
  }
  const double bytes = *number * *factor;
  if (bytes > 9e18) return fail(fmt::format("'{}' is too large a size", whole));
  return static_cast<std::uint64_t>(std::llround(bytes));
}

Result<double> parse_cpu(std::string_view text) {
  const std::string_view whole = text;
  const auto number = take_number(text);
  const bool milli = text == "m";
  if (!number || !(text.empty() || milli) || *number > 1e6) {
    return fail(fmt::format("'{}' is not a number of CPUs (2, 0.5 or 500m)", whole));
  }
  return milli ? *number / 1000 : *number;
}

std::string format_duration(std::int64_t us) {
  const double seconds = static_cast<double>(us) / 1e6;
  if (us < 0) return "-" + format_duration(-us);
  if (us < 1000) return fmt::format("{} us", us);
  if (seconds < 0.1) return fmt::format("{:.1f} ms", seconds * 1e3);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} m {:02} s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{} h {:02} m", whole / 3600, whole % 3600 / 60);
  return fmt::format("{} d {:02} h", whole / 86400, whole % 86400 / 3600);
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1023.5 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit > 0 && value < 9.95 ? 1 : 0, kUnits[unit]);
}

}  // namespace scanflow
