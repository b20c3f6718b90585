#include "engine/infer/traffic.hpp"

#include <gtest/gtest.h>

namespace scanflow::infer {
namespace {

std::vector<std::int64_t> served(Traffic traffic, std::size_t versions, int calls,
                                 std::int64_t rows) {
  std::vector<std::int64_t> counts(versions);
  for (int i = 0; i < calls; ++i) counts[static_cast<std::size_t>(traffic.next(rows))] += rows;
  return counts;
}

TEST(TrafficTest, RowsFollowTheWeights) {
  EXPECT_EQ(served(Traffic({{"1", 90}, {"2", 10}}), 2, 1000, 1),
            (std::vector<std::int64_t>{900, 100}));
  EXPECT_EQ(served(Traffic({{"1", 1}, {"2", 1}, {"3", 2}}), 3, 400, 8),
            (std::vector<std::int64_t>{800, 800, 1600}));
}

TEST(TrafficTest, ASmallShareIsSpreadNotBunched) {
  Traffic traffic({{"1", 3}, {"2", 1}});
  std::string order;
  for (int i = 0; i < 12; ++i) order += static_cast<char>('1' + traffic.next(1));
  EXPECT_EQ(order.find("22"), std::string::npos) << order;
}

TEST(TrafficTest, WithoutWeightOrAsShadowItGetsNothing) {
  EXPECT_EQ(served(Traffic({{"1", 0}, {"2", 5}, {"3", 100, true}}), 3, 50, 1),
            (std::vector<std::int64_t>{0, 50, 0}));
  EXPECT_EQ(Traffic({{"1", 0}}).next(1), -1);
  EXPECT_EQ(Traffic({}).next(1), -1);
}

}  // namespace
}  // namespace scanflow::infer
