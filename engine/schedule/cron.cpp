#include "engine/schedule/cron.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <string>
#include <vector>

#include "engine/schedule/field.hpp"
#include "sdk/base/nearest.hpp"

namespace scanflow::schedule {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::minutes;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 12> kMonths = {"jan", "feb", "mar", "apr", "may", "jun",
                                                      "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays = {"sun", "mon", "tue", "wed",
                                                       "thu", "fri", "sat"};
constexpr std::array<FieldRule, 5> kRules = {{
    {"minute", "hour", 0, 59, 59, "0-59", "'0', '*/15' or '0,30'"},
    {"hour", "day", 0, 23, 23, "0-23", "'6', '*/2' or '9-17'"},
    {"day-of-month",
     "month",
     1,
     31,
     31,
     "1-31 or L (the last day)",
     "'1', '1,15' or 'L'",
     {},
     true},
    {"month", "year", 1, 12, 12, "1-12 or jan to dec", "'1', 'jan' or '6-8'", kMonths},
    {"day-of-week", "week", 0, 7, 6, "0-7 (0 and 7 are Sunday) or sun to sat",
     "'1', 'mon-fri' or 'sat,sun'", kWeekdays},
}};

struct Alias {
  std::string_view name, expression;
};
constexpr std::array<Alias, 7> kAliases = {{{"@hourly", "0 * * * *"},
                                            {"@daily", "0 0 * * *"},
                                            {"@midnight", "0 0 * * *"},
                                            {"@weekly", "0 0 * * 0"},
                                            {"@monthly", "0 0 1 * *"},
                                            {"@yearly", "0 0 1 1 *"},
                                            {"@annually", "0 0 1 1 *"}}};

constexpr std::string_view kShape =
    "minute hour day-of-month month day-of-week, for example '30 6 * * mon-fri' (at 6:30 from "
    "Monday "
    "to Friday); or @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually";

constexpr std::string_view kLengths =
    "February has 29 days at most, April, June, September and November have 30; 'L' is the last "
    "day "
    "of any month";

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  std::vector<std::string_view> words;
  for (auto begin = text.find_first_not_of(kSpace); begin != std::string_view::npos;) {
    const auto end = std::min(text.find_first_of(kSpace, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kSpace, end);
  }
  return words;
}

Result<std::string_view> expand(std::string_view alias) {
  std::string lower(alias);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::vector<std::string> names;
  for (const Alias& known : kAliases) {
    if (lower == known.name) return known.expression;
    names.emplace_back(known.name);
  }
  const std::string near = nearest(lower, names);
  const std::string meant = near.empty() ? "" : fmt::format(", did you mean '{}'?", near);
  return fail(fmt::format("there is no schedule '{}'{} (it takes {})", alias, meant, kShape));
}

/// The lowest bit at or above `from`; -1 where there is none.
int next_bit(std::uint64_t bits, int from) {
  const std::uint64_t left = from > 63 ? 0 : bits >> from << from;
  return left == 0 ? -1 : std::countr_zero(left);
}

}  // namespace

Result<Cron> Cron::parse(std::string_view expression) {
  std::vector<std::string_view> words = words_of(expression);
  if (words.size() == 1 && words.front().starts_with('@')) {
    const auto expanded = expand(words.front());
    if (!expanded) return tl::unexpected(expanded.error());
    words = words_of(*expanded);
  }
  if (words.size() != kRules.size()) {
    const std::string_view extra = words.size() > kRules.size() ? "; no seconds, no year" : "";
    return fail(fmt::format("a schedule has five fields, not {}{} (it takes {})", words.size(),
                            extra, kShape));
  }
  std::array<Field, kRules.size()> fields;
  for (std::size_t i = 0; i < kRules.size(); ++i) {
    const auto field = parse_field(kRules[i], words[i]);
    if (!field) return tl::unexpected(field.error());
    fields[i] = *field;
  }
  const auto& [minute, hour, day, month, weekday] = fields;
  Cron cron;
  cron.minutes_ = minute.values;
  cron.hours_ = hour.values;
  cron.days_ = day.values;
  cron.months_ = month.values;
  cron.weekdays_ = weekday.values;
  cron.last_day_ = day.last_day;
  cron.either_day_ = !day.star && !weekday.star;
  cron.repeats_ = minute.star || minute.step || hour.star || hour.step;
  if (cron.can_fire()) return cron;
  return fail(fmt::format("the schedule never fires: no month of '{}' has a day of '{}' ({})",
                          words[3], words[2], kLengths));
}

/// In 400 years each date, 29 February too, falls on each weekday: only the month's length counts.
bool Cron::can_fire() const {
  if (last_day_ || either_day_) return true;
  const std::chrono::day first(static_cast<unsigned>(next_bit(days_, 1)));
  for (unsigned m = 1; m <= 12; ++m) {
    const std::chrono::month month(m);
    const std::chrono::year leap(2000);
    if (names_month(month) && (leap / month / first).ok()) return true;
  }
  return false;
}

bool Cron::names_month(std::chrono::month month) const {
  return (months_ >> static_cast<unsigned>(month) & 1) != 0;
}

bool Cron::names_day(const year_month_day& date) const {
  const std::chrono::weekday weekday{local_days(date)};
  const bool by_date = (days_ >> static_cast<unsigned>(date.day()) & 1) != 0 ||
                       (last_day_ && date == date.year() / date.month() / std::chrono::last);
  const bool by_weekday = (weekdays_ >> weekday.c_encoding() & 1) != 0;
  return either_day_ ? by_date || by_weekday : by_date && by_weekday;
}

std::optional<minutes> Cron::next_in_day(minutes from) const {
  const int hour = static_cast<int>(from / hours(1));
  const int minute = next_bit(minutes_, static_cast<int>((from % hours(1)).count()));
  if ((hours_ >> hour & 1) != 0 && minute >= 0) return hours(hour) + minutes(minute);
  const int later = next_bit(hours_, hour + 1);
  if (later < 0) return std::nullopt;
  return hours(later) + minutes(next_bit(minutes_, 0));
}

std::optional<local_seconds> Cron::next(local_seconds from, local_seconds end) const {
  auto day = std::chrono::floor<days>(from);
  auto time = std::chrono::ceil<minutes>(from - day);  // a whole day: next_in_day finds nothing
  while (day < end) {
    const year_month_day date(day);
    if (!names_month(date.month())) {
      day = local_days(date.year() / date.month() / 1 + std::chrono::months(1));
    } else {
      const auto found = names_day(date) ? next_in_day(time) : std::nullopt;
      if (found && day + *found >= end) return std::nullopt;
      if (found) return day + *found;
      ++day;
    }
    time = minutes(0);
  }
  return std::nullopt;
}

}  // namespace scanflow::schedule
