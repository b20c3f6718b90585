#include "engine/cli/text.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>

namespace scanflow::cli {
namespace {

/// Bytes of the character that starts with this one; 1 for what is not UTF-8.
std::size_t bytes_of(unsigned char first) {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  if (first >= 0xc0) return 2;
  return 1;
}

std::size_t columns_of(std::string_view character) {
  if (character.size() < 3) {
    const auto first = static_cast<unsigned char>(character.front());
    return first == 0xcc || first == 0xcd ? 0 : 1;  // combining marks U+0300..U+036F
  }
  const auto first = static_cast<unsigned char>(character[0]);
  const auto second = static_cast<unsigned char>(character[1]);
  const bool wide = character.size() == 4 ? second >= 0x9f : (first >= 0xe3 && first <= 0xed);
  return wide ? 2 : 1;
}

template <class F>
void each_character(std::string_view text, F&& f) {
  while (!text.empty()) {
    const std::size_t most =
        std::min(bytes_of(static_cast<unsigned char>(text.front())), text.size());
    std::size_t n = 1;
    while (n < most && (static_cast<unsigned char>(text[n]) & 0xc0) == 0x80) ++n;
    if (!f(text.substr(0, n))) return;
    text.remove_prefix(n);
  }
}

}  // namespace

std::size_t width_of(std::string_view text) {
  std::size_t columns = 0;
  each_character(text, [&](std::string_view character) {
    columns += columns_of(character);
    return true;
  });
  return columns;
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t' || c == '\r') {
      out += ' ';
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "·";
    } else {
      out += c;
    }
  }
  return out;
}

std::string fit(std::string_view text, std::size_t columns) {
  if (width_of(text) <= columns) return std::string(text);
  std::string out;
  std::size_t used = 0;
  each_character(text, [&](std::string_view character) {
    const std::size_t next = used + columns_of(character);
    if (next + 1 > columns) return false;
    out += character;
    used = next;
    return true;
  });
  return columns > 0 ? out + "…" : out;
}

std::string fit_middle(std::string_view text, std::size_t columns) {
  const std::size_t width = width_of(text);
  if (width <= columns || columns < 4) return fit(text, columns);
  const std::size_t end = (columns - 1) * 2 / 3;
  std::string out = fit(text, columns - end);  // with the ellipsis
  std::size_t left = width;
  each_character(text, [&](std::string_view character) {
    if (left <= end) out += character;
    left -= columns_of(character);
    return true;
  });
  return out;
}

std::string_view trimmed(std::string_view text) {
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

std::string pad(std::string_view text, std::size_t columns) {
  const std::size_t width = width_of(text);
  return std::string(text) + std::string(columns > width ? columns - width : 0, ' ');
}

std::string paint(std::string_view text, Color color, bool enabled) {
  if (!enabled || color == Color::none || text.empty()) return std::string(text);
  static constexpr std::array<std::string_view, 7> kCodes{"", "31", "32", "33", "34", "2", "1"};
  return fmt::format("\033[{}m{}\033[0m", kCodes.at(static_cast<std::size_t>(color)), text);
}

namespace {

/// Takes from the widest columns but the last until a row fits, and some of the last one with it.
void narrow(std::vector<std::size_t>& widths, std::size_t width) {
  constexpr std::size_t kLeast = 8, kLast = 12;
  std::size_t needed = std::min(widths.back(), kLast);
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) needed += widths[i] + 2;
  while (needed > width) {
    const auto widest = std::max_element(widths.begin(), widths.end() - 1);
    if (widest == widths.end() - 1 || *widest <= kLeast) return;
    --*widest;
    --needed;
  }
}

}  // namespace

std::string table(const std::vector<std::string>& header,
                  const std::vector<std::vector<std::string>>& rows, std::size_t width,
                  const std::vector<std::size_t>& right) {
  std::vector<std::size_t> widths(header.size());
  const auto measure = [&](const std::vector<std::string>& row) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  };
  measure(header);
  for (const auto& row : rows) measure(row);
  if (width > 0) narrow(widths, width);
  std::string out;
  const auto print = [&](const std::vector<std::string>& row) {
    std::string line;
    std::size_t used = 0;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      const bool to_right = std::find(right.begin(), right.end(), i) != right.end();
      std::string cell = fit_middle(row[i], widths[i]);
      if (last && width > 0) cell = fit(row[i], width > used ? width - used : 0);
      const std::string blanks(widths[i] > width_of(cell) ? widths[i] - width_of(cell) : 0, ' ');
      line += to_right ? blanks + cell : cell + blanks;
      if (!last) line += "  ";
      used += widths[i] + 2;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += (width > 0 ? fit(line, width) : line) + "\n";
  };
  print(header);
  for (const auto& row : rows) print(row);
  return out;
}

std::string sparkline(std::span<const double> values, std::size_t columns) {
  static constexpr std::array<std::string_view, 8> kBars{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  if (values.size() > columns) values = values.last(columns);
  std::vector<double> finite;
  std::copy_if(values.begin(), values.end(), std::back_inserter(finite),
               [](double v) { return std::isfinite(v); });
  if (finite.size() < 2) return {};
  const auto [low, high] = std::minmax_element(finite.begin(), finite.end());
  const double range = *high - *low;
  std::string out;
  for (const double value : finite) {
    const double part = range > 0 ? (value - *low) / range : 0.5;
    out += kBars.at(static_cast<std::size_t>(std::lround(part * 7)));
  }
  return out;
}

std::string_view status_sign(std::string_view status) {
  if (status == "succeeded" || status == "cached") return "✓";
  if (status == "failed") return "✗";
  if (status == "cancelled") return "⊘";
  if (status == "skipped") return "–";
  if (status == "running") return "●";
  if (status == "waiting") return "◔";
  if (status == "awaiting") return "?";
  return "○";
}

Color status_color(std::string_view status) {
  if (status == "succeeded" || status == "cached") return Color::green;
  if (status == "failed") return Color::red;
  if (status == "running" || status == "waiting" || status == "awaiting") return Color::yellow;
  return Color::dim;
}

std::string short_name(const std::string& name_space, const std::string& name,
                       std::uint32_t version) {
  if (version > 0) return fmt::format("{}/{}@{}", name_space, name, version);
  return name_space.empty() || name_space == "default" ? name : name_space + "/" + name;
}

std::string short_name(const nlohmann::json& run) {
  const auto version = run.find("version");
  return short_name(
      run.value("namespace", ""), run.value("pipeline", ""),
      version != run.end() && version->is_number() ? version->get<std::uint32_t>() : 0);
}

std::string format_time(std::int64_t time_us) {
  const std::time_t seconds = time_us / 1'000'000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

std::string format_age(std::int64_t time_us, std::int64_t now_us) {
  const std::int64_t seconds = std::max<std::int64_t>(0, (now_us - time_us) / 1'000'000);
  if (seconds < 60) return fmt::format("{} s ago", seconds);
  if (seconds < 3600) return fmt::format("{} min ago", seconds / 60);
  if (seconds < 172'800) return fmt::format("{} h ago", seconds / 3600);
  return fmt::format("{} days ago", seconds / 86400);
}

}  // namespace scanflow::cli
