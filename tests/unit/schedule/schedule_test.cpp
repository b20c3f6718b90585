#include "engine/schedule/schedule.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/unit/schedule/support.hpp"

namespace scanflow::schedule {
namespace {

using Texts = std::vector<std::string>;

struct Row {
  std::string expression, zone, after;  // UTC
  Texts next;                           // as clocks in the zone show it
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(next_texts(make(row.expression, row.zone), row.after, row.next.size()), row.next)
        << "'" << row.expression << "' in " << row.zone << " after " << row.after;
  }
}

/// Madrid: 2:00 becomes 3:00 on 29 March 2026.
TEST(Schedule, AFixedTimeThatIsSkippedFiresWhenTheSkipEnds) {
  check({
      {"30 2 * * *",
       "Europe/Madrid",
       "2026-03-28 00:00",
       {"2026-03-28 02:30+01:00", "2026-03-29 03:00+02:00", "2026-03-30 02:30+02:00"}},
      {"0,20,40 2 * * *",
       "Europe/Madrid",
       "2026-03-29 00:00",
       {"2026-03-29 03:00+02:00", "2026-03-30 02:00+02:00", "2026-03-30 02:20+02:00"}},
      {"30 2,3 * * *",
       "Europe/Madrid",
       "2026-03-29 00:00",
       {"2026-03-29 03:00+02:00", "2026-03-29 03:30+02:00", "2026-03-30 02:30+02:00"}},
      {"0 2,3 * * *",
       "Europe/Madrid",
       "2026-03-29 00:00",
       {"2026-03-29 03:00+02:00", "2026-03-30 02:00+02:00"}},
      {"0 2-4 29 3 *",
       "Europe/Madrid",
       "2026-01-01 00:00",
       {"2026-03-29 03:00+02:00", "2026-03-29 04:00+02:00", "2027-03-29 02:00+02:00"}},
      {"30 2 * * mon", "Europe/Madrid", "2026-03-28 00:00", {"2026-03-30 02:30+02:00"}},
      // Asked from within: the instant itself, and just before.
      {"30 2 * * *", "Europe/Madrid", "2026-03-29 00:59:59", {"2026-03-29 03:00+02:00"}},
      {"30 2 * * *", "Europe/Madrid", "2026-03-29 01:00", {"2026-03-30 02:30+02:00"}},
      // Thirty minutes, at Lord Howe.
      {"15 2 * * *",
       "Australia/Lord_Howe",
       "2026-10-03 00:00",
       {"2026-10-04 02:30+11:00", "2026-10-05 02:15+11:00"}},
      // Fifteen minutes, once: Nepal in 1986.
      {"5 0 * * *",
       "Asia/Kathmandu",
       "1985-12-31 00:00",
       {"1986-01-01 00:15+05:45", "1986-01-02 00:05+05:45"}},
      // A whole day: Samoa had no 30 December 2011.
      {"0 12 * * *",
       "Pacific/Apia",
       "2011-12-28 00:00",
       {"2011-12-28 12:00-10:00", "2011-12-29 12:00-10:00", "2011-12-31 00:00+14:00",
        "2011-12-31 12:00+14:00"}},
      {"0 12 30 * *",
       "Pacific/Apia",
       "2011-12-01 00:00",
       {"2011-12-31 00:00+14:00", "2012-01-30 12:00+14:00"}},
  });
}

TEST(Schedule, MidnightMayBeSkipped) {
  check({
      {"0 0 * * *",
       "America/Havana",
       "2026-03-07 12:00",
       {"2026-03-08 01:00-04:00", "2026-03-09 00:00-04:00"}},
      {"@weekly",
       "America/Havana",
       "2026-03-07 12:00",
       {"2026-03-08 01:00-04:00", "2026-03-15 00:00-04:00"}},
      {"0 0 * * *",
       "Asia/Beirut",
       "2026-03-28 12:00",
       {"2026-03-29 01:00+03:00", "2026-03-30 00:00+03:00"}},
      {"30 0 4 11 *",
       "America/Sao_Paulo",
       "2018-01-01 00:00",
       {"2018-11-04 01:00-02:00", "2019-11-04 00:30-03:00"}},
      {"0 0 * * *",
       "America/Sao_Paulo",
       "2018-11-02 12:00",
       {"2018-11-03 00:00-03:00", "2018-11-04 01:00-02:00", "2018-11-05 00:00-02:00"}},
  });
}

/// Madrid: 3:00 becomes 2:00 on 25 October 2026.
TEST(Schedule, AFixedTimeThatComesTwiceFiresTheFirstTime) {
  check({
      {"30 2 * * *",
       "Europe/Madrid",
       "2026-10-24 00:00",
       {"2026-10-24 02:30+02:00", "2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"}},
      {"0 2 * * *",
       "Europe/Madrid",
       "2026-10-24 12:00",
       {"2026-10-25 02:00+02:00", "2026-10-26 02:00+01:00"}},
      {"0 3 * * *",
       "Europe/Madrid",
       "2026-10-24 12:00",
       {"2026-10-25 03:00+01:00", "2026-10-26 03:00+01:00"}},
      {"30 1-3 * * *",
       "Europe/Madrid",
       "2026-10-24 12:00",
       {"2026-10-25 01:30+02:00", "2026-10-25 02:30+02:00", "2026-10-25 03:30+01:00"}},
      // Asked from within the second pass, at its very beginning, and between the two.
      {"30 2 * * *", "Europe/Madrid", "2026-10-25 01:15", {"2026-10-26 02:30+01:00"}},
      {"30 2 * * *", "Europe/Madrid", "2026-10-25 01:00", {"2026-10-26 02:30+01:00"}},
      {"30 2 * * *", "Europe/Madrid", "2026-10-25 00:30", {"2026-10-26 02:30+01:00"}},
      // Back over midnight, into the day before.
      {"30 23 * * *",
       "Asia/Beirut",
       "2026-10-24 12:00",
       {"2026-10-24 23:30+03:00", "2026-10-25 23:30+02:00"}},
      {"0 0 * * *",
       "Asia/Beirut",
       "2026-10-24 12:00",
       {"2026-10-25 00:00+02:00", "2026-10-26 00:00+02:00"}},
      {"0 0 * * *",
       "America/Havana",
       "2026-10-31 12:00",
       {"2026-11-01 00:00-04:00", "2026-11-02 00:00-05:00"}},
      {"45 23 * * *",
       "Asia/Pyongyang",
       "2015-08-14 00:00",
       {"2015-08-14 23:45+09:00", "2015-08-15 23:45+08:30"}},
      {"45 1 * * *",
       "Australia/Lord_Howe",
       "2026-04-04 00:00",
       {"2026-04-05 01:45+11:00", "2026-04-06 01:45+10:30"}},
  });
}

TEST(Schedule, RepeatingOnesGoOnByElapsedTime) {
  check({
      {"*/30 * * * *",
       "Europe/Madrid",
       "2026-03-29 00:00",
       {"2026-03-29 01:30+01:00", "2026-03-29 03:00+02:00", "2026-03-29 03:30+02:00"}},
      {"*/30 * * * *",
       "Europe/Madrid",
       "2026-10-24 23:30",
       {"2026-10-25 02:00+02:00", "2026-10-25 02:30+02:00", "2026-10-25 02:00+01:00",
        "2026-10-25 02:30+01:00", "2026-10-25 03:00+01:00"}},
      {"@hourly",
       "Europe/Madrid",
       "2026-10-24 23:30",
       {"2026-10-25 02:00+02:00", "2026-10-25 02:00+01:00", "2026-10-25 03:00+01:00"}},
      {"30 */2 * * *",
       "Europe/Madrid",
       "2026-10-24 22:30",
       {"2026-10-25 02:30+02:00", "2026-10-25 02:30+01:00", "2026-10-25 04:30+01:00"}},
      {"30 */2 * * *",
       "Europe/Madrid",
       "2026-03-28 23:30",
       {"2026-03-29 04:30+02:00", "2026-03-29 06:30+02:00"}},
      {"10-40/15 2 * * *",
       "Europe/Madrid",
       "2026-03-28 02:00",
       {"2026-03-30 02:10+02:00", "2026-03-30 02:25+02:00"}},
      {"*/20 1 * * *",
       "Australia/Lord_Howe",
       "2026-04-04 14:00",
       {"2026-04-05 01:20+11:00", "2026-04-05 01:40+11:00", "2026-04-05 01:40+10:30",
        "2026-04-06 01:00+10:30"}},
  });
}

TEST(Schedule, AFullRangeIsFixed) {
  check({{"0 0-23 * * *",
          "Europe/Madrid",
          "2026-10-24 23:30",
          {"2026-10-25 02:00+02:00", "2026-10-25 03:00+01:00", "2026-10-25 04:00+01:00"}}});
}

TEST(Schedule, OffsetsMayHaveSeconds) {
  // Madrid's own mean time: 14 min 44 s behind, until the end of 1900 (that clock's midnight).
  check({{"0 6 * * *",
          "Europe/Madrid",
          "1900-12-30 12:00",
          {"1900-12-31 06:00-00:14", "1901-01-01 06:00+00:00"}}});
}

TEST(Schedule, BeyondTheYear2037TheZonesRuleGoesOn) {
  check({{"30 2 * * *",
          "Europe/Madrid",
          "2045-03-25 12:00",
          {"2045-03-26 03:00+02:00", "2045-03-27 02:30+02:00"}},
         {"@yearly", "America/New_York", "2098-12-01 00:00", {"2099-01-01 00:00-05:00"}}});
}

TEST(Schedule, NextIsStrictlyAfterToTheMicrosecond) {
  const Schedule schedule = make("0 6 * * *", "Europe/Madrid");
  const std::int64_t hit = utc_us("2026-01-01 05:00"), day = 86'400'000'000;
  EXPECT_EQ(next_after(schedule, hit - 1), hit);
  EXPECT_EQ(next_after(schedule, hit), hit + day);
  EXPECT_EQ(next_after(schedule, hit + 1), hit + day);
  EXPECT_EQ(next_after(schedule, hit - 1'000'000), hit);
  EXPECT_EQ(next_after(make("* * * * *"), -1), 0) << "before 1970 too";
  EXPECT_EQ(next_after(make("* * * * *"), -60'000'001), -60'000'000);
}

TEST(Schedule, LooksFrom1900To2299) {
  const Schedule daily = make("@daily");
  EXPECT_EQ(next_after(daily, std::numeric_limits<std::int64_t>::min()),
            utc_us("1900-01-01 00:00"));
  EXPECT_EQ(next_after(daily, utc_us("2299-12-30 12:00")), utc_us("2299-12-31 00:00"));
  EXPECT_EQ(next_after(daily, utc_us("2299-12-31 00:00")), std::nullopt);
  EXPECT_EQ(next_after(daily, std::numeric_limits<std::int64_t>::max()), std::nullopt);
}

/// The longest there is: 29 February on a weekend, around the year 2100, which has none.
TEST(Schedule, LooksFarEnoughAhead) {
  check({{"0 0 29 2 */6", "UTC", "2088-02-29 00:00", {"2116-02-29 00:00+00:00"}}});
}

TEST(Schedule, FiringsAreThoseMissedInBetween) {
  const Schedule schedule = make("0 * * * *");
  const auto at = [](const std::string& time) { return utc_us("2026-01-01 " + time); };
  using Times = std::vector<std::int64_t>;
  EXPECT_EQ(firings(schedule, at("01:00"), at("03:00"), 10), (Times{at("02:00"), at("03:00")}));
  EXPECT_EQ(firings(schedule, at("01:00"), at("02:59:59"), 10), Times{at("02:00")});
  EXPECT_EQ(firings(schedule, at("01:00"), at("23:00"), 2), (Times{at("02:00"), at("03:00")}));
  EXPECT_EQ(firings(schedule, at("01:00"), at("23:00"), 0), Times{});
  EXPECT_EQ(firings(schedule, at("01:00"), at("01:00"), 10), Times{});
  EXPECT_EQ(firings(schedule, at("03:00"), at("01:00"), 10), Times{}) << "the clock was set back";
}

}  // namespace
}  // namespace scanflow::schedule
