#include "plugins/common/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace scanflow::data {
namespace {

TEST(Random, GivesTheSequenceOfSplitMix64) {
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317ULL);
  EXPECT_EQ(random.next(), 3203168211198807973ULL);
  EXPECT_EQ(random.next(), 9817491932198370423ULL);
}

TEST(Random, StaysBelowItsBound) {
  Random random(7);
  std::vector<int> seen(10);
  for (int i = 0; i < 10'000; ++i) ++seen.at(random.below(10));
  for (const int count : seen) EXPECT_NEAR(count, 1000, 150);
  EXPECT_EQ(random.below(1), 0U);
}

TEST(Random, ShufflesWithoutLosingAnything) {
  std::vector<int> values(100);
  std::iota(values.begin(), values.end(), 0);
  const auto sorted = values;
  Random(3).shuffle(values);
  EXPECT_NE(values, sorted);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(values, sorted);
}

TEST(Random, StreamsDiffer) {
  EXPECT_NE(Random::stream(1, 0).next(), Random::stream(1, 1).next());
  EXPECT_NE(Random::stream(1, 0).next(), Random::stream(2, 0).next());
  EXPECT_EQ(Random::stream(5, 9).next(), Random::stream(5, 9).next());
}

}  // namespace
}  // namespace scanflow::data
