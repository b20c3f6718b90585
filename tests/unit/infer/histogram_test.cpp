#include "engine/infer/histogram.hpp"

#include <gtest/gtest.h>

namespace scanflow::infer {
namespace {

TEST(HistogramTest, QuantilesAreRightToASixteenth) {
  Histogram histogram;
  for (std::int64_t us = 1; us <= 100'000; ++us) histogram.add(us);
  EXPECT_EQ(histogram.count(), 100'000U);
  EXPECT_EQ(histogram.sum_us(), 5'000'050'000U);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double exact = share * 100'000;
    EXPECT_GE(static_cast<double>(histogram.quantile(share)), exact * 0.999) << share;
    EXPECT_LE(static_cast<double>(histogram.quantile(share)), exact * 17 / 16 + 1) << share;
  }
}

TEST(HistogramTest, SmallOnesAreExactAndOddOnesCount) {
  Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), 0);
  histogram.add(3);
  histogram.add(-5);
  EXPECT_EQ(histogram.quantile(1), 3);
  histogram.add(std::int64_t{1} << 50);
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_GT(histogram.quantile(1), std::int64_t{1} << 35);
}

TEST(HistogramTest, CountsThoseBelowABound) {
  Histogram histogram;
  histogram.add(10, 5);
  histogram.add(1'000, 2);
  EXPECT_EQ(histogram.at_most(10), 5U);
  EXPECT_EQ(histogram.at_most(9), 0U);
  EXPECT_EQ(histogram.at_most(2'000), 7U);
  Histogram other;
  other.add(1, 3);
  histogram.add(other);
  EXPECT_EQ(histogram.at_most(5), 3U);
}

}  // namespace
}  // namespace scanflow::infer
