// Triggers of time as a host wakes them: nothing is lost or repeated over restarts.
#include "plugins/triggers/time/time_triggers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <scanflow/testing.hpp>

namespace scanflow::triggers {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kSec = 1'000'000;

/// An agent's trigger, whose state is kept.
template <class Plugin>
class Kept {
 public:
  explicit Kept(json config) : config_(std::move(config)) {}
  std::vector<json> wake(std::int64_t now_us) {
    const auto reason = state_.empty() ? WakeReason::start : WakeReason::time;
    const auto result =
        harness_.wake<Plugin>(config_, {.reason = reason, .now_us = now_us, .state = state_});
    EXPECT_TRUE(result.ok()) << result.told.error;
    if (result.wake.state) state_ = *result.wake.state;
    next_us = result.wake.next_wake_us;
    return result.wake.fires;
  }
  std::optional<std::int64_t> next_us;

 private:
  scanflow::testing::Harness harness_;
  const json config_;
  std::string state_;
};

TEST(TimeTriggers, AnIntervalFiresFromWhenItsAgentBegan) {
  Kept<IntervalTrigger> trigger(json{{"every", "10s"}});
  EXPECT_THAT(trigger.wake(1000 * kSec), IsEmpty());
  EXPECT_EQ(trigger.next_us, 1010 * kSec);
  const auto first = trigger.wake(1010 * kSec + 5000);
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(
      first[0],
      (json{{"time", "1970-01-01T00:16:50.000000Z"}, {"time_us", 1010 * kSec}, {"late_us", 5000}}));
  EXPECT_EQ(trigger.next_us, 1020 * kSec);
  EXPECT_THAT(trigger.wake(1011 * kSec), IsEmpty()) << "woken for nothing";
  EXPECT_THAT(trigger.wake(1055 * kSec), SizeIs(1)) << "one makes up for all that were missed";
  EXPECT_THAT(trigger.wake(1055 * kSec), IsEmpty()) << "and only once";
}

TEST(TimeTriggers, ADateFiresOnce) {
  Kept<DateTrigger> trigger(json{{"at", "1970-01-01 01:00"}, {"timezone", "Africa/Lagos"}});
  EXPECT_THAT(trigger.wake(-kSec), IsEmpty());
  EXPECT_EQ(trigger.next_us, 0);
  EXPECT_THAT(trigger.wake(0), SizeIs(1));
  EXPECT_EQ(trigger.next_us, std::nullopt);
  EXPECT_THAT(trigger.wake(kSec), IsEmpty());
  Kept<DateTrigger> over(json{{"at", "1970-01-01"}});
  EXPECT_THAT(over.wake(5 * kSec), IsEmpty()) << "its agent began later";
  EXPECT_EQ(over.next_us, std::nullopt);
}

TEST(TimeTriggers, CronKeepsToTheClocksOfItsZone) {
  Kept<CronTrigger> trigger(json{{"cron", "30 2 * * *"}, {"timezone", "Europe/Madrid"}});
  const std::int64_t day = parse_moment("2026-03-28 12:00", "Europe/Madrid");
  EXPECT_THAT(trigger.wake(day), IsEmpty());
  EXPECT_EQ(trigger.next_us, parse_moment("2026-03-29T01:00:00Z", "")) << "02:30 is skipped there";
  EXPECT_THAT(trigger.wake(*trigger.next_us), SizeIs(1));
  EXPECT_EQ(trigger.next_us, parse_moment("2026-03-30T00:30:00Z", ""));
}

TEST(TimeTriggers, WhatCannotBeSaysWhy) {
  scanflow::testing::Harness harness;
  const auto why = [&](const json& config) {
    const auto result = harness.wake<IntervalTrigger>(config, {});
    return result.ok() ? "" : result.told.error;
  };
  EXPECT_THAT(why({{"every", "often"}}), HasSubstr("every: 'often' is not a duration"));
  EXPECT_THAT(why({{"every", "0s"}}), HasSubstr("write a time above 0"));
  EXPECT_THAT(why({{"every", "1m"}, {"jitter", "2m"}}),
              HasSubstr("jitter: 2m is more than 'every'"));
  EXPECT_THAT(why({{"every", "1m"}, {"start", "soon"}}), HasSubstr("start: 'soon' is no time"));
  EXPECT_THAT(why({{"every", "1m"}, {"start", "2026-01-02"}, {"end", "2026-01-01"}}),
              HasSubstr("end: 2026-01-01 is before 'start'"));
  EXPECT_THAT(why({{"every", "1m"}, {"start", "2026-01-02"}, {"timezone", "Europe/Madird"}}),
              HasSubstr("Europe/Madrid"));
  const auto cron = harness.wake<CronTrigger>({{"cron", "61 * * * *"}}, {});
  EXPECT_FALSE(cron.ok());
  EXPECT_THAT(cron.told.error, HasSubstr("minute"));
}

}  // namespace
}  // namespace scanflow::triggers
