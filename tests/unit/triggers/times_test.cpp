#include "plugins/triggers/time/times.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace scanflow::triggers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kS = 1'000'000;

TEST(TimesTest, AnIntervalFiresEverySoOften) {
  const auto times = times_of(Interval{100 * kS, 10 * kS});
  EXPECT_EQ(times->next_after(0), 100 * kS);
  EXPECT_EQ(times->next_after(100 * kS), 110 * kS);
  EXPECT_EQ(times->next_after(114 * kS), 120 * kS);
  EXPECT_THAT(times->due(Missed::all, 0, 99 * kS), IsEmpty());
  EXPECT_THAT(times->due(Missed::all, 0, 100 * kS), ElementsAre(100 * kS));
  EXPECT_THAT(times->due(Missed::all, 100 * kS, 131 * kS),
              ElementsAre(110 * kS, 120 * kS, 130 * kS));
}

TEST(TimesTest, NothingFiresAfterTheEnd) {
  const auto times = times_of(Interval{100 * kS, 10 * kS, 0, 115 * kS});
  EXPECT_EQ(times->next_after(100 * kS), 110 * kS);
  EXPECT_EQ(times->next_after(110 * kS), std::nullopt);
  EXPECT_THAT(times->due(Missed::all, 100 * kS, 1000 * kS), ElementsAre(110 * kS));
}

TEST(TimesTest, MissedFiringsAreMadeUpForAsIsSaid) {
  const auto times = times_of(Interval{0, 10 * kS});
  EXPECT_THAT(times->due(Missed::once, 0, 95 * kS), ElementsAre(90 * kS));
  EXPECT_THAT(times->due(Missed::skip, 0, 95 * kS), ElementsAre(90 * kS)) << "it is on time";
  EXPECT_THAT(times->due(Missed::all, 0, 10'000 * kS), SizeIs(100));
  const auto slow = times_of(Interval{0, 600 * kS});
  EXPECT_THAT(slow->due(Missed::skip, 0, 700 * kS), IsEmpty()) << "100 s late";
  EXPECT_THAT(slow->due(Missed::skip, 0, 630 * kS), ElementsAre(600 * kS));
  const auto date = times_of(std::int64_t{50 * kS});
  EXPECT_THAT(date->due(Missed::once, 0, 500 * kS), ElementsAre(50 * kS));
  EXPECT_THAT(date->due(Missed::skip, 0, 500 * kS), IsEmpty());
  EXPECT_THAT(date->due(Missed::once, 50 * kS, 500 * kS), IsEmpty()) << "it has fired";
}

TEST(TimesTest, HoweverOftenItIsLookedAtEachFiresOnceAndInOrder) {
  std::mt19937 random(7);
  for (const std::int64_t jitter_us : {std::int64_t{0}, 3 * kS, 10 * kS}) {
    const auto times = times_of(Interval{5 * kS, 10 * kS, jitter_us, std::nullopt, 42});
    const auto all = times->due(Missed::all, 0, 900 * kS);
    ASSERT_THAT(all, SizeIs(::testing::Ge(89U)));
    std::vector<std::int64_t> seen;
    for (std::int64_t at = 0; at < 900 * kS;) {
      const std::int64_t then =
          std::min<std::int64_t>(900 * kS, at + static_cast<std::int64_t>(random() % (25 * kS)));
      for (const std::int64_t each : times->due(Missed::all, at, then)) seen.push_back(each);
      at = std::max(then, at + 1);
    }
    EXPECT_EQ(seen, all) << "jitter " << jitter_us;
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
    for (std::size_t i = 0; i + 1 < all.size(); ++i)
      EXPECT_EQ(times->next_after(all[i]), all[i + 1]);
  }
}

TEST(TimesTest, WhatIsLongAgoCostsNothing) {
  const auto times = times_of(Interval{0, 1});  // a firing each microsecond, for years
  EXPECT_THAT(times->due(Missed::all, 0, 100'000'000 * kS), SizeIs(100));
}

TEST(TimesTest, MomentsAreReadInTheirZone) {
  const auto moment = [](const std::string& text, const std::string& zone = "UTC") {
    try {
      return parse_moment(text, zone) / kS;
    } catch (const std::invalid_argument&) {
      return std::int64_t{-1};
    }
  };
  EXPECT_EQ(moment("1970-01-01T00:00:10Z"), 10);
  EXPECT_EQ(moment("1970-01-01T01:00:10+01:00"), 10);
  EXPECT_EQ(moment("2026-07-01 06:00", "Europe/Madrid"), moment("2026-07-01T04:00:00Z"));
  EXPECT_EQ(moment("2026-01-01", "Europe/Madrid"), moment("2025-12-31T23:00:00Z"));
  EXPECT_EQ(moment("2026-03-29 02:30", "Europe/Madrid"), moment("2026-03-29T01:30:00Z"))
      << "clocks skip it";
  EXPECT_EQ(moment("2026-10-25 02:30", "Europe/Madrid"), moment("2026-10-25T00:30:00Z"))
      << "it comes twice";
  for (const char* wrong : {"", "tomorrow", "2026-02-30", "2026-01-01 25:00"})
    EXPECT_EQ(moment(wrong), -1) << wrong;
  EXPECT_EQ(moment("2026-01-01", "Europe/Nowhere"), -1);
}

}  // namespace
}  // namespace scanflow::triggers
