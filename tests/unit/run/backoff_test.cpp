#include "engine/run/backoff.hpp"

#include <gtest/gtest.h>

#include <set>

namespace scanflow::run {
namespace {

TEST(Backoff, GrowsByItsFactorUpToTheMaximum) {
  const pipeline::Backoff backoff{
      .initial_us = 1'000'000, .factor = 3, .max_us = 5'000'000, .jitter = 0};
  EXPECT_EQ(retry_wait_us(backoff, 1, 0, 1), 1'000'000);
  EXPECT_EQ(retry_wait_us(backoff, 1, 0, 2), 3'000'000);
  EXPECT_EQ(retry_wait_us(backoff, 1, 0, 3), 5'000'000);
  EXPECT_EQ(retry_wait_us(backoff, 1, 0, 4'000'000'000u), 5'000'000) << "the power is infinite";
}

TEST(Backoff, JitterStaysWithinItsBoundsAndDiffersByStepAttemptAndSeed) {
  const pipeline::Backoff backoff{
      .initial_us = 1'000'000, .factor = 1, .max_us = 1'000'000, .jitter = 0.2};
  std::set<std::int64_t> waits;
  std::int64_t least = 2'000'000, most = 0;
  for (std::uint32_t step = 0; step < 100; ++step) {
    for (std::uint32_t attempt = 1; attempt <= 5; ++attempt) {
      for (std::uint64_t seed = 0; seed < 2; ++seed) {
        const std::int64_t wait = retry_wait_us(backoff, seed, step, attempt);
        EXPECT_EQ(wait, retry_wait_us(backoff, seed, step, attempt)) << "not reproducible";
        waits.insert(wait);
        least = std::min(least, wait);
        most = std::max(most, wait);
      }
    }
  }
  EXPECT_GE(least, 800'000);
  EXPECT_LE(most, 1'200'000);
  EXPECT_LT(least, 810'000);
  EXPECT_GT(most, 1'190'000);
  EXPECT_GT(waits.size(), 980u);
}

TEST(Backoff, ZeroWaitsNotAtAll) {
  EXPECT_EQ(retry_wait_us({.initial_us = 0, .factor = 2, .max_us = 10, .jitter = 0.5}, 1, 1, 7), 0);
}

}  // namespace
}  // namespace scanflow::run
