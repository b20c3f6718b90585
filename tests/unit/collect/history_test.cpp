#include "sidecar/collect/history.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/seconds.hpp"

namespace scanflow::collect {
namespace {

Values ratio(double value) {
  Values values;
  values.set(Metric::memory_used_ratio, value);
  values.set(Metric::resident, value * 1000);
  return values;
}

TEST(History, SlopeIsByLeastSquares) {
  History history;
  EXPECT_FALSE(history.slope(Signal::memory_used_ratio, 5 * kSecond));
  for (int i = 0; i <= 10; ++i) history.add(i * kSecond, ratio(i < 5 ? 0.5 : 0.1 * i));
  EXPECT_NEAR(*history.slope(Signal::memory_used_ratio, 5 * kSecond), 0.1, 1e-6);
  EXPECT_FALSE(history.slope(Signal::memory_used_ratio, 30 * kSecond));  // it has no 15 s
  EXPECT_FALSE(history.slope(Signal::memory_used_ratio, 1 * kSecond));   // two points
  EXPECT_FALSE(history.slope(Signal::cpu_pressure, 5 * kSecond));
}

TEST(History, KeepsAMinuteAndThePeak) {
  History history;
  history.add(1, ratio(0.99));
  for (int i = 1; i <= 200; ++i) history.add(i * kSecond, ratio(0.5));
  EXPECT_EQ(history.size(), History::kCapacity);
  EXPECT_EQ(history.oldest_us(), 137 * kSecond);
  EXPECT_NEAR(*history.peak(Signal::memory_used_ratio), 0.99, 1e-6);
  history.add(100 * kSecond, ratio(1));  // the past
  EXPECT_EQ(history.latest_us(), 200 * kSecond);
}

TEST(History, HeldIsBrokenByAnAbsentValue) {
  History history;
  for (int i = 0; i <= 5; ++i) history.add(i * kSecond, ratio(0.95));
  EXPECT_TRUE(history.held(Signal::memory_used_ratio, Op::above, 0.92, 5 * kSecond));
  EXPECT_FALSE(history.held(Signal::memory_used_ratio, Op::above, 0.92, 6 * kSecond));
  EXPECT_FALSE(history.held(Signal::memory_used_ratio, Op::above, 0.96, 0));
  history.add(6 * kSecond, Values());
  history.add(7 * kSecond, ratio(0.95));
  EXPECT_FALSE(history.held(Signal::memory_used_ratio, Op::above, 0.92, 2 * kSecond));
}

TEST(History, RatesOfCounters) {
  History history;
  Values values;
  for (int i = 0; i <= 3; ++i) {
    values.set(Metric::cpu_user_seconds, 1.5 * i);
    values.set(Metric::cpu_system_seconds, 0.5 * i);
    history.add(i * kSecond, values);
    EXPECT_EQ(history.latest(Signal::cpu_cores).has_value(), i > 0);
  }
  EXPECT_NEAR(*history.latest(Signal::cpu_cores), 2, 1e-6);
  values.clear();
  history.add(4 * kSecond, values);
  EXPECT_FALSE(history.latest(Signal::cpu_cores));
  values.set(Metric::cpu_user_seconds, 100);
  values.set(Metric::cpu_system_seconds, 0);
  history.add(5 * kSecond, values);
  EXPECT_FALSE(history.latest(Signal::cpu_cores));  // since when is not known
}

TEST(History, GrowthBeginsWhereItLeftTheGround) {
  History history;
  for (int i = 0; i <= 40; ++i)
    history.add(i * kSecond, ratio(i < 20 ? 0.3 : 0.3 + 0.03 * (i - 20)));
  ASSERT_TRUE(history.growing_since(Signal::memory_used_ratio));
  EXPECT_NEAR(static_cast<double>(*history.growing_since(Signal::memory_used_ratio)), 20e6, 1e6);
  History flat;
  for (int i = 0; i <= 40; ++i) flat.add(i * kSecond, ratio(0.3 + 0.001 * (i % 2)));
  EXPECT_FALSE(flat.growing_since(Signal::memory_used_ratio));
}

TEST(History, CurvesKeepPeaksWhenTheyAreShortened) {
  History history;
  for (int i = 0; i < 64; ++i) history.add(i * kSecond + i % 3 * 1000, ratio(i == 31 ? 0.9 : 0.5));
  const Curve curve = history.curve(Signal::memory_used_ratio, 10);
  ASSERT_EQ(curve.values.size(), 10u);
  EXPECT_EQ(curve.step_us, (history.latest_us() - history.oldest_us()) / 9);
  EXPECT_EQ(std::count(curve.values.begin(), curve.values.end(), 0.9F), 1);
  EXPECT_EQ(history.curve(Signal::memory_used_ratio, 60).values.size(), 60u);
  EXPECT_TRUE(history.curve(Signal::gpu_memory_bytes, 60).values.empty());
}

}  // namespace
}  // namespace scanflow::collect
