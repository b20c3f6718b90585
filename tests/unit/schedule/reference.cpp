#include "tests/unit/schedule/reference.hpp"

#include <fmt/format.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <array>

namespace scanflow::schedule {
namespace {

constexpr std::array<const char*, 12> kMonths = {"JAN", "feb", "Mar", "apr", "may", "jun",
                                                 "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<const char*, 7> kWeekdays = {"sun", "MON", "Tue", "wed", "thu", "fri", "sat"};

int below(std::mt19937_64& random, int n) {
  return static_cast<int>(random() % static_cast<std::uint64_t>(n));
}
int between(std::mt19937_64& random, int low, int high) {
  return low + below(random, high - low + 1);
}

enum class Kind { number, month, weekday };

std::string word(std::mt19937_64& random, Kind kind, int value) {
  const bool digits = kind == Kind::number || value == 7 || below(random, 2) == 0;
  if (digits) return std::to_string(value);
  const auto i = static_cast<std::size_t>(value);
  return kind == Kind::month ? kMonths.at(i - 1) : kWeekdays.at(i);
}

/// What a field takes, and what single values and ranges are drawn from.
struct Bounds {
  int least, greatest;
  int low, high;
  Kind kind = Kind::number;
};

std::size_t bit(const Bounds& bounds, int value) {
  return static_cast<std::size_t>(bounds.kind == Kind::weekday ? value % 7 : value);
}

void draw_star(std::mt19937_64& random, const Bounds& bounds, DrawnField& field) {
  const int greatest = bounds.kind == Kind::weekday ? 6 : bounds.greatest;
  const int step = between(random, 1, greatest - bounds.least);
  for (int value = bounds.least; value <= greatest; value += step) {
    field.values.set(bit(bounds, value));
  }
  field.text += fmt::format("*/{}", step);
  field.star = field.step = true;
}

void draw_range(std::mt19937_64& random, const Bounds& bounds, DrawnField& field) {
  const int first = between(random, bounds.low, bounds.high);
  const int last = between(random, first, bounds.high);
  const bool to_sunday = bounds.kind == Kind::weekday && first > 0 && last == 7;
  field.text += word(random, bounds.kind, first) + "-";
  field.text +=
      to_sunday ? word(random, bounds.kind, below(random, 2) * 7) : word(random, bounds.kind, last);
  int step = 1;
  if (last - first > 1 && below(random, 3) == 0) {
    field.step = true;
    step = between(random, 1, last - first);
    field.text += fmt::format("/{}", step);
  }
  for (int value = first; value <= last; value += step) {
    field.values.set(bit(bounds, value));
  }
}

DrawnField draw_field(std::mt19937_64& random, const Bounds& bounds, int star_percent) {
  DrawnField field;
  if (below(random, 100) < star_percent) {
    for (int value = bounds.least; value <= bounds.greatest; ++value) {
      field.values.set(bit(bounds, value));
    }
    field.text = "*";
    field.star = true;
    return field;
  }
  for (int parts = between(random, 1, 3); parts > 0; --parts) {
    const int shape = below(random, 8);
    if (shape == 0) {
      draw_star(random, bounds, field);
    } else if (shape <= 3) {
      draw_range(random, bounds, field);
    } else {
      const int value = between(random, bounds.low, bounds.high);
      field.text += word(random, bounds.kind, value);
      field.values.set(bit(bounds, value));
    }
    if (parts > 1) field.text += ",";
  }
  return field;
}

}  // namespace

std::string Drawn::text() const {
  return fmt::format("{} {} {} {} {}", minute.text, hour.text, day.text, month.text, weekday.text);
}

bool Drawn::names(std::int64_t local_minute) const {
  const auto in_day = static_cast<std::size_t>(((local_minute % kDay) + kDay) % kDay);
  if (!minute.values[in_day % 60] || !hour.values[in_day / 60]) return false;
  const time_t now = local_minute * 60, tomorrow = now + 86400;
  tm date{}, next{};
  ::gmtime_r(&now, &date);
  if (!month.values[static_cast<std::size_t>(date.tm_mon) + 1]) return false;
  if (last_day) ::gmtime_r(&tomorrow, &next);
  const bool by_date =
      day.values[static_cast<std::size_t>(date.tm_mday)] || (last_day && next.tm_mday == 1);
  const bool by_weekday = weekday.values[static_cast<std::size_t>(date.tm_wday)];
  return day.star || weekday.star ? by_date && by_weekday : by_date || by_weekday;
}

/// Half of the hours lie in the night, where clocks are changed; days to 28, which all months have.
Drawn draw(std::mt19937_64& random) {
  Drawn drawn;
  drawn.minute = draw_field(random, {0, 59, 0, 59}, 10);
  drawn.hour = draw_field(random, {0, 23, 0, below(random, 2) == 0 ? 3 : 23}, 20);
  drawn.day = draw_field(random, {1, 31, 1, 28}, 60);
  drawn.month = draw_field(random, {1, 12, 1, 12, Kind::month}, 70);
  drawn.weekday = draw_field(random, {0, 7, 0, 7, Kind::weekday}, 60);
  if (below(random, 10) == 0) {
    drawn.last_day = true;
    drawn.day.text += ",L";
  }
  return drawn;
}

Clocks watch(const std::string& zone, std::int64_t first, std::int64_t minutes) {
  ::setenv("TZ", zone.c_str(), 1);
  ::tzset();
  Clocks clocks{first, {}};
  clocks.shown.reserve(static_cast<std::size_t>(minutes));
  for (std::int64_t minute = first; minute < first + minutes; ++minute) {
    const time_t now = minute * 60;
    tm local{};
    ::localtime_r(&now, &local);
    clocks.shown.push_back(minute + local.tm_gmtoff / 60);
  }
  return clocks;
}

std::vector<std::int64_t> reference_firings(const Drawn& drawn, const Clocks& clocks) {
  std::vector<std::int64_t> found;
  std::int64_t reached = clocks.shown.front();  // all before was shown already
  for (std::size_t i = 0; i < clocks.shown.size(); ++i) {
    const std::int64_t shown = clocks.shown[i];
    bool fires = false;
    if (drawn.repeats()) {
      fires = drawn.names(shown);
    } else {
      for (; reached <= shown; ++reached) fires = drawn.names(reached) || fires;
    }
    const std::int64_t minute = clocks.first + static_cast<std::int64_t>(i);
    if (fires && minute >= clocks.first + kLead) found.push_back(minute * 60'000'000);
  }
  return found;
}

}  // namespace scanflow::schedule
