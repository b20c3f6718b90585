#include "sidecar/protocol/gang.hpp"

#include <gtest/gtest.h>

namespace scanflow::protocol {
namespace {

TEST(Gang, RankZeroGoesByTheStepsOwnName) {
  EXPECT_EQ(member_of({"run", "train", 2}, 0), (AttemptId{"run", "train", 2}));
  EXPECT_EQ(member_of({"run", "train", 2}, 3), (AttemptId{"run", "train@3", 2}));
}

TEST(Gang, AMemberIsFoundAgain) {
  for (const std::string step : {"train", "train[model=cnn1]", "shard[a@1]"}) {
    for (const std::uint32_t rank : {0u, 1u, 17u}) {
      const Rank of = rank_of(member_of({"run", step, 2}, rank));
      EXPECT_EQ(of.gang, (AttemptId{"run", step, 2}));
      EXPECT_EQ(of.rank, rank);
    }
  }
}

TEST(Gang, WhatIsNoRankStaysAName) {
  for (const std::string step :
       {"train", "shard[a@1]", "a@", "a@0", "a@x", "a@1b", "a@99999999999"}) {
    const Rank of = rank_of({"run", step, 1});
    EXPECT_EQ(of.gang.step, step);
    EXPECT_EQ(of.rank, 0u);
  }
}

}  // namespace
}  // namespace scanflow::protocol
