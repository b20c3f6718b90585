#include "engine/kube/retry.hpp"

#include <gmock/gmock.h>

#include "engine/kube/limiter.hpp"
#include "engine/kube/lines.hpp"

namespace scanflow::kube {
namespace {

using std::chrono::seconds;
using Why = http::NoAnswer::Why;

Failure answered(int code, std::optional<std::chrono::milliseconds> retry_after = {}) {
  Failure failure;
  failure.code = code;
  failure.retry_after = retry_after;
  return failure;
}
Failure unanswered(Why why, bool sent) {
  Failure failure;
  failure.why = why;
  failure.sent = sent;
  return failure;
}
bool again(const Failure& failure, bool harmless) {
  return next_try_us(failure, harmless, 1, 0.5).has_value();
}

TEST(Retry, AsksAgainWhatWasNotActedUpon) {
  for (const bool harmless : {false, true}) {
    EXPECT_TRUE(again(answered(429), harmless));
    EXPECT_TRUE(again(answered(503, seconds(1)), harmless));
    EXPECT_TRUE(again(unanswered(Why::refused, false), harmless));
    for (const int code : {400, 401, 403, 404, 409, 410, 422})
      EXPECT_FALSE(again(answered(code), harmless)) << code;
    EXPECT_FALSE(again(unanswered(Why::tls, false), harmless));
    EXPECT_FALSE(again(unanswered(Why::stopped, false), harmless));
  }
}

TEST(Retry, AsksAgainWhatMayHaveBeenOnlyWhereThatIsHarmless) {
  EXPECT_TRUE(again(answered(500), true));
  EXPECT_FALSE(again(answered(500), false));
  EXPECT_TRUE(again(unanswered(Why::closed, true), true));
  EXPECT_FALSE(again(unanswered(Why::closed, true), false));
}

TEST(Retry, AnEvictionThatABudgetForbidsIsForItsCallerToDecide) {
  Failure failure = answered(429);
  failure.details = {
      {"causes",
       {{{"reason", "DisruptionBudget"}, {"message", "The disruption budget web needs 2"}}}}};
  EXPECT_FALSE(again(failure, true));
}

TEST(Retry, WaitsLongerEachTimeAndGivesUp) {
  std::int64_t before_us = 0;
  for (int tried = 1; tried < 6; ++tried) {
    const auto wait_us = next_try_us(answered(500), true, tried, 0.0);
    ASSERT_TRUE(wait_us);
    EXPECT_GT(*wait_us, before_us);
    before_us = *wait_us;
  }
  EXPECT_FALSE(next_try_us(answered(500), true, 6, 0.0));
}

TEST(Retry, HonoursWhatTheServerAsksForWithinReason) {
  EXPECT_GE(*next_try_us(answered(429, seconds(7)), true, 1, 0.0), 7'000'000);
  EXPECT_FALSE(next_try_us(answered(429, seconds(3600)), true, 1, 0.0));
}

TEST(Limiter, LetsAFewThroughAtOnceThenSoManyASecond) {
  Limiter limiter({.per_s = 10, .burst = 3}, 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limiter.take(0), 0);
  EXPECT_EQ(limiter.take(0), 100'000);
  EXPECT_EQ(limiter.take(0), 200'000) << "whoever comes later waits longer";
  EXPECT_EQ(limiter.take(1'000'000), 0);
  EXPECT_EQ(limiter.take(100'000'000), 0);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(limiter.take(100'000'000), 0);
  EXPECT_GT(limiter.take(100'000'000), 0) << "nobody saves up more than the burst";
}

TEST(Limiter, HoldsAllWhenTheServerIsBusy) {
  Limiter limiter({.per_s = 10, .burst = 100}, 0);
  limiter.hold(0, 2'000'000);
  EXPECT_GE(limiter.take(0), 2'000'000);
  EXPECT_EQ(limiter.take(5'000'000), 0);
}

TEST(Lines, AreCutOutOfAnyPieces) {
  const std::string text = "one\n\ntwo three\nrest";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    Lines lines;
    std::vector<std::string> all;
    for (std::size_t i = 0; i < text.size(); i += size)
      lines.add(std::string_view(text).substr(i, size),
                [&](std::string_view line) { all.emplace_back(line); });
    EXPECT_THAT(all, testing::ElementsAre("one", "", "two three")) << size;
    EXPECT_EQ(lines.pending(), 4u);
  }
}

}  // namespace
}  // namespace scanflow::kube
