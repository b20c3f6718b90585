// Random expressions in many zones, against the reference that looks at each minute.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "engine/schedule/schedule.hpp"
#include "tests/unit/schedule/reference.hpp"
#include "tests/unit/schedule/support.hpp"

namespace scanflow::schedule {
namespace {

struct Stretch {
  std::string zone, begin;  // UTC
  int days;
  int expressions;
};

/// The first difference, or "".
std::string compare(const Drawn& drawn, const Clocks& clocks, const std::string& zone,
                    std::mt19937_64& random) {
  const Schedule schedule = make(drawn.text(), zone);
  const std::int64_t from = (clocks.first + kLead) * 60'000'000 - 1;
  const std::int64_t to =
      (clocks.first + static_cast<std::int64_t>(clocks.shown.size())) * 60'000'000 - 1;
  const std::vector<std::int64_t> expected = reference_firings(drawn, clocks);
  const std::vector<std::int64_t> found =
      firings(schedule, from, to, std::numeric_limits<std::size_t>::max());
  const auto [e, f] = std::mismatch(expected.begin(), expected.end(), found.begin(), found.end());
  const auto text = [&](auto at, const auto& list) {
    return at == list.end() ? "none" : local_text(schedule.zone, *at);
  };
  if (e != expected.end() || f != found.end()) {
    return fmt::format("'{}' in {}: expected {}, found {}", drawn.text(), zone, text(e, expected),
                       text(f, found));
  }
  for (int i = 0; i < 20; ++i) {  // from anywhere, not only from one firing to the next
    const std::int64_t after =
        from + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(to - from));
    const auto next = std::upper_bound(expected.begin(), expected.end(), after);
    const auto hit = next_after(schedule, after);
    if (next == expected.end() ? hit && *hit <= to : hit != *next) {
      return fmt::format("'{}' in {} after {}: expected {}", drawn.text(), zone,
                         local_text(schedule.zone, after), text(next, expected));
    }
  }
  return "";
}

void check(const std::vector<Stretch>& stretches) {
  std::mt19937_64 random(20260329);
  std::size_t repeating = 0, fixed = 0;
  for (const Stretch& stretch : stretches) {
    const Clocks clocks =
        watch(stretch.zone, utc_us(stretch.begin) / 60'000'000, stretch.days * kDay);
    for (int i = 0; i < stretch.expressions; ++i) {
      const Drawn drawn = draw(random);
      ++(drawn.repeats() ? repeating : fixed);
      ASSERT_EQ(compare(drawn, clocks, stretch.zone, random), "");
    }
  }
  EXPECT_GT(repeating, 20u);
  EXPECT_GT(fixed, 20u);
}

TEST(ScheduleProperty, AgreesAroundChangesOfClocks) {
  check({
      {"Europe/Madrid", "2026-03-25 00:00", 9, 60},
      {"Europe/Madrid", "2026-10-21 00:00", 9, 60},
      {"Europe/Madrid", "2045-03-22 00:00", 9, 50},
      {"America/New_York", "2026-03-04 00:00", 9, 60},
      {"America/New_York", "2026-10-28 00:00", 9, 60},
      {"Australia/Lord_Howe", "2026-04-01 00:00", 9, 60},
      {"Australia/Lord_Howe", "2026-09-30 00:00", 9, 60},
      {"America/Havana", "2026-03-04 00:00", 9, 60},
      {"America/Havana", "2026-10-28 00:00", 9, 60},
      {"Asia/Beirut", "2026-03-25 00:00", 9, 60},
      {"Asia/Beirut", "2026-10-21 00:00", 9, 60},
      {"America/Sao_Paulo", "2018-10-31 00:00", 9, 40},
      {"America/Sao_Paulo", "2019-02-13 00:00", 9, 40},
      {"Asia/Kathmandu", "1985-12-28 00:00", 9, 40},
      {"Pacific/Apia", "2011-12-26 00:00", 9, 60},
      {"Asia/Pyongyang", "2015-08-11 00:00", 9, 40},
      {"America/Caracas", "2007-12-05 00:00", 9, 40},
      {"Africa/Casablanca", "2026-02-11 00:00", 9, 40},
      {"Europe/Dublin", "2026-10-21 00:00", 9, 40},
      {"Antarctica/Troll", "2026-03-25 00:00", 9, 40},
      {"Antarctica/Troll", "2026-10-21 00:00", 9, 40},
  });
}

TEST(ScheduleProperty, AgreesOverYears) {
  check({
      {"UTC", "2027-01-01 00:00", 800, 8},
      {"Europe/Madrid", "2027-06-01 00:00", 800, 8},
      {"America/New_York", "2025-06-01 00:00", 800, 8},
      {"Australia/Lord_Howe", "2025-06-01 00:00", 800, 8},
      {"Asia/Kathmandu", "1985-01-01 00:00", 800, 8},
      {"America/Sao_Paulo", "2017-06-01 00:00", 800, 8},
      {"America/Havana", "2095-06-01 00:00", 800, 8},
  });
}

}  // namespace
}  // namespace scanflow::schedule
