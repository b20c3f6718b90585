// Text for terminals: widths in columns, colours, tables, small pictures.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow::cli {

/// Columns that UTF-8 text takes (combining marks 0, East Asian wide characters 2).
std::size_t width_of(std::string_view text);
/// Control characters (which could drive the terminal) as "·"; line ends and tabs as blanks.
std::string printable(std::string_view text);
/// Cut to `columns`, with an ellipsis where something was cut.
std::string fit(std::string_view text, std::size_t columns);
/// The same, cut in the middle: the end tells matrix instances apart.
std::string fit_middle(std::string_view text, std::size_t columns);
/// Without blanks at its end.
std::string_view trimmed(std::string_view text);
std::string pad(std::string_view text, std::size_t columns);

enum class Color { none, red, green, yellow, blue, dim, bold };
std::string paint(std::string_view text, Color color, bool enabled);

/// Columns as wide as their widest cell, two blanks between them, no trailing blanks. Columns in
/// `right` are right-aligned. Rows are cut to `width` (0: none is cut): the last column at its end,
/// and where that is not enough the widest ones in their middle.
std::string table(const std::vector<std::string>& header,
                  const std::vector<std::vector<std::string>>& rows, std::size_t width,
                  const std::vector<std::size_t>& right = {});

/// ▁▂▃▄▅▆▇█ of the last `columns` values, between their least and greatest.
std::string sparkline(std::span<const double> values, std::size_t columns);

/// The sign of a step's status: ✓ ✗ ● ○ ...
std::string_view status_sign(std::string_view status);
Color status_color(std::string_view status);

/// "train", "mnist/train" (another namespace than the default one), "mnist/train@3" (a registered
/// one; version 0: it came from a file): a pipeline in few letters.
std::string short_name(const std::string& name_space, const std::string& name,
                       std::uint32_t version);
/// The same of a run's document, or of the update "accepted".
std::string short_name(const nlohmann::json& run);

/// "2026-11-23 15:33:09", local time.
std::string format_time(std::int64_t time_us);
/// "3 m ago"
std::string format_age(std::int64_t time_us, std::int64_t now_us);

}  // namespace scanflow::cli
