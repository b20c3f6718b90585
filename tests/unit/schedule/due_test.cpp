#include "engine/schedule/due.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/schedule/support.hpp"

namespace scanflow::schedule {
namespace {

using Texts = std::vector<std::string>;

/// What is started when the clock, moved by hand, shows `now`.
Texts due_at(const Schedule& schedule, const Policy& policy, const std::string& since,
             const std::string& now) {
  Texts texts;
  for (const std::int64_t us : due(schedule, policy, utc_us(since), utc_us(now)))
    texts.push_back(local_text(schedule.zone, us));
  return texts;
}

TEST(Due, AFiringIsStartedOnceAndOnTime) {
  const Schedule daily = make("0 3 * * *");
  for (const CatchUp any : {CatchUp::none, CatchUp::last, CatchUp::all}) {
    EXPECT_EQ(due_at(daily, {any}, "2026-07-01 02:00", "2026-07-01 02:59:59"), Texts{});
    EXPECT_EQ(due_at(daily, {any}, "2026-07-01 02:59:59", "2026-07-01 03:00"),
              Texts{"2026-07-01 03:00+00:00"});
    EXPECT_EQ(due_at(daily, {any}, "2026-07-01 03:00", "2026-07-01 03:00:01"), Texts{});
    EXPECT_EQ(due_at(daily, {any}, "2026-07-01 02:59", "2026-07-01 03:00:40"),
              Texts{"2026-07-01 03:00+00:00"})
        << "a little late is not missed";
  }
}

TEST(Due, WhatWasMissedIsMadeUpForAsThePolicySays) {
  const Schedule daily = make("0 3 * * *");
  const auto at = [&](CatchUp policy) {
    return due_at(daily, {policy}, "2026-07-01 12:00", "2026-07-04 12:00");
  };
  EXPECT_EQ(at(CatchUp::none), Texts{});
  EXPECT_EQ(at(CatchUp::last), Texts{"2026-07-04 03:00+00:00"});
  EXPECT_EQ(at(CatchUp::all),
            (Texts{"2026-07-02 03:00+00:00", "2026-07-03 03:00+00:00", "2026-07-04 03:00+00:00"}));
}

TEST(Due, OneThatIsOnTimeStandsForThoseMissedBeforeIt) {
  const Schedule hourly = make("@hourly");
  EXPECT_EQ(due_at(hourly, {CatchUp::last}, "2026-07-01 00:30", "2026-07-01 05:00:10"),
            Texts{"2026-07-01 05:00+00:00"});
  EXPECT_EQ(due_at(hourly, {CatchUp::none}, "2026-07-01 00:30", "2026-07-01 05:00:10"),
            Texts{"2026-07-01 05:00+00:00"});
}

TEST(Due, ADeadlineLeavesOutWhatIsTooLate) {
  const Schedule daily = make("0 3 * * *");
  const std::int64_t hour_us = 3'600'000'000;
  const std::string since = "2026-07-01 00:00";
  EXPECT_EQ(due_at(daily, {CatchUp::last, hour_us}, since, "2026-07-01 04:00"),
            Texts{"2026-07-01 03:00+00:00"});
  EXPECT_EQ(due_at(daily, {CatchUp::last, hour_us}, since, "2026-07-01 04:00:01"), Texts{});
  EXPECT_EQ(due_at(daily, {CatchUp::all, 30 * hour_us}, since, "2026-07-03 04:00"),
            (Texts{"2026-07-02 03:00+00:00", "2026-07-03 03:00+00:00"}));
}

TEST(Due, HoweverLongItWasAwayOnlyTheNewestHundredAreMadeUpFor) {
  const Schedule minutely = make("* * * * *");
  const Texts all = due_at(minutely, {CatchUp::all}, "1990-01-01 00:00", "2026-07-01 00:00:30");
  ASSERT_EQ(all.size(), kMostMissed);
  EXPECT_EQ(all.back(), "2026-07-01 00:00+00:00");
  EXPECT_EQ(all.front(), "2026-06-30 22:21+00:00");
  EXPECT_EQ(due_at(minutely, {CatchUp::last}, "1990-01-01 00:00", "2026-07-01 00:00:30"),
            Texts{"2026-07-01 00:00+00:00"});
  const Texts rare =
      due_at(make("0 0 29 2 *"), {CatchUp::all}, "1990-01-01 00:00", "2026-07-01 00:00:30");
  EXPECT_EQ(rare.size(), 9u);
}

TEST(Due, AClockThatIsSetBackStartsNothingTwice) {
  const Schedule hourly = make("@hourly");
  EXPECT_EQ(due_at(hourly, {CatchUp::all}, "2026-07-01 05:00", "2026-07-01 03:30"), Texts{});
  EXPECT_EQ(due_at(hourly, {CatchUp::all}, "2026-07-01 05:00", "2026-07-01 05:00"), Texts{});
}

TEST(Due, AnHourThatComesTwiceFiresAFixedTimeOnce) {
  const Schedule nightly = make("30 2 * * *", "Europe/Madrid");  // clocks go back on 25 October
  EXPECT_EQ(due_at(nightly, {CatchUp::all}, "2026-10-24 22:00", "2026-10-25 12:00"),
            Texts{"2026-10-25 02:30+02:00"});
}

}  // namespace
}  // namespace scanflow::schedule
