#include "engine/schedule/field.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>

namespace scanflow::schedule {
namespace {

struct Range {
  int low, high;
};

tl::unexpected<Error> refuse(const FieldRule& rule, std::string_view what) {
  return fail(fmt::format("{}: {}; it takes {}, for example {}", rule.name, what, rule.takes,
                          rule.example));
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

/// Digits and nothing else; -1 for any other text, and for numbers beyond int.
int number_of(std::string_view text) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

Result<int> parse_value(const FieldRule& rule, std::string_view part, std::string_view text) {
  for (std::size_t i = 0; i < rule.words.size(); ++i) {
    if (same_word(text, rule.words[i])) return rule.min + static_cast<int>(i);
  }
  const int value = number_of(text);
  if (value >= rule.min && value <= rule.max) return value;
  if (text.empty() || text == part) return refuse(rule, fmt::format("'{}' is not allowed", part));
  return refuse(rule, fmt::format("'{}' in '{}' is not allowed", text, part));
}

/// `text`: `part` without its step.
Result<Range> parse_range(const FieldRule& rule, std::string_view part, std::string_view text) {
  if (text == "*") return Range{rule.min, rule.last};
  const auto dash = text.find('-');
  const auto low = parse_value(rule, part, text.substr(0, dash));
  if (!low) return tl::unexpected(low.error());
  if (dash == std::string_view::npos) {
    return Range{*low, text.size() == part.size() ? *low : rule.last};
  }
  const auto high = parse_value(rule, part, text.substr(dash + 1));
  if (!high) return tl::unexpected(high.error());
  if (*low <= *high) return Range{*low, *high};
  if (*high == 0 && rule.max > rule.last) return Range{*low, rule.max};  // fri-sun
  return refuse(rule,
                fmt::format("'{0}' runs backwards (write '{1}-{3},{4}-{2}')", text,
                            text.substr(0, dash), text.substr(dash + 1), rule.last, rule.min));
}

/// A step that never takes effect is refused: `*/90` is not "every 90 minutes".
Result<int> parse_step(const FieldRule& rule, std::string_view part, std::string_view text,
                       Range range) {
  const int step = number_of(text);
  const int greatest = std::max(range.high - range.low, 1);
  if (step >= 1 && step <= greatest) return step;
  return refuse(rule, fmt::format("the step '{}' of '{}' is not within 1-{} (each {} begins anew)",
                                  text, part, greatest, rule.whole));
}

Result<void> add_part(const FieldRule& rule, std::string_view part, Field& field) {
  if (rule.last_day && same_word(part, "L")) {
    field.last_day = true;
    return {};
  }
  const auto slash = part.find('/');
  const auto range = parse_range(rule, part, part.substr(0, slash));
  if (!range) return tl::unexpected(range.error());
  int step = 1;
  if (slash != std::string_view::npos) {
    const auto parsed = parse_step(rule, part, part.substr(slash + 1), *range);
    if (!parsed) return tl::unexpected(parsed.error());
    step = *parsed;
    field.step = true;
  }
  field.star = field.star || part.front() == '*';
  for (int value = range->low; value <= range->high; value += step) {
    field.values |= std::uint64_t{1} << (value > rule.last ? rule.min : value);
  }
  return {};
}

}  // namespace

Result<Field> parse_field(const FieldRule& rule, std::string_view text) {
  Field field;
  for (std::string_view rest = text;;) {
    const auto comma = rest.find(',');
    const std::string_view part = rest.substr(0, comma);
    if (part.empty()) return refuse(rule, fmt::format("'{}' has a comma too many", text));
    if (auto added = add_part(rule, part, field); !added) return tl::unexpected(added.error());
    if (comma == std::string_view::npos) return field;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace scanflow::schedule
