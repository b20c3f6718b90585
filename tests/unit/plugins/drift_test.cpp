// The threshold, and the test for too many above it.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "plugins/common/random.hpp"
#include "plugins/steps/detector/drift.hpp"
#include "tests/support/error_of.hpp"

namespace scanflow::detector {
namespace {

TEST(Threshold, IsAnOrderStatistic) {
  std::vector<float> errors(199);
  std::iota(errors.begin(), errors.end(), 1.0F);
  std::swap(errors.front(), errors.back());
  const Threshold threshold = threshold_of(errors, 0.99);
  EXPECT_EQ(threshold.value, 198);
  EXPECT_EQ(threshold.rank, 198);
  EXPECT_DOUBLE_EQ(threshold.expected_share(), 0.01);
}

TEST(Threshold, NeedsEnoughDigits) {
  threshold_of(std::vector<float>(99), 0.99);
  EXPECT_EQ(
      test::error_of([] { threshold_of(std::vector<float>(98), 0.99); }),
      "98 validation digits are too few for the quantile 0.99: give at least 99, or lower the "
      "quantile");
}

TEST(Chance, OfFewDigitsByHand) {
  const Threshold threshold{0, 99, 99};
  EXPECT_EQ(chance_of(0, 5, threshold), 1);
  EXPECT_NEAR(chance_of(1, 1, threshold), 0.01, 1e-9);
  EXPECT_NEAR(chance_of(1, 2, threshold), 2.0 / 101, 1e-9);
  EXPECT_NEAR(chance_of(2, 2, threshold), 1.0 / 100 * 2 / 101, 1e-9);
}

TEST(Chance, IsABinomialWhereTheThresholdIsSure) {
  const Threshold threshold{0, 9'900'000'000, 9'999'999'999};
  double none = std::pow(0.99, 300), one = 300 * 0.01 * std::pow(0.99, 299);
  EXPECT_NEAR(chance_of(2, 300, threshold), 1 - none - one, 1e-5);
}

// Where nothing has changed, one in a hundred is below 0.01, whatever the distribution.
TEST(Chance, HoldsItsPromise) {
  data::Random random(5);
  int below = 0;
  constexpr int kTrials = 4'000;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<float> errors(150);
    for (float& error : errors) error = static_cast<float>(std::exp(random.bell()));
    const Threshold threshold = threshold_of(errors, 0.95);
    std::int64_t outliers = 0;
    for (int i = 0; i < 300; ++i) outliers += std::exp(random.bell()) > threshold.value ? 1 : 0;
    below += chance_of(outliers, 300, threshold) < 0.01 ? 1 : 0;
  }
  EXPECT_LT(below, kTrials * 0.015);
  EXPECT_GT(below, kTrials * 0.004) << "and it is not blunt";
}

TEST(Chance, TinyOnesAreNotLost) {
  const Threshold threshold{0, 1980, 1999};
  EXPECT_LT(chance_of(1'000, 1'000, threshold), 1e-30);
  EXPECT_GT(chance_of(10, 1'000, threshold), 0.3);
}

}  // namespace
}  // namespace scanflow::detector
