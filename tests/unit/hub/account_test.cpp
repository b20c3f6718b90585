#include "engine/hub/account.hpp"

#include <gtest/gtest.h>

namespace scanflow::hub {
namespace {

protocol::Telemetry batch(std::uint64_t first, std::size_t count, std::uint64_t produced,
                          std::uint64_t dropped) {
  protocol::Telemetry made;
  made.first = first;
  made.produced = produced;
  made.dropped = dropped;
  made.numbers.assign(count, 1);
  return made;
}

void expect_balance(const TelemetryAccount& account) {
  EXPECT_EQ(account.produced(),
            account.received() + account.dropped() + account.lost() + account.pending());
}

TEST(TelemetryAccount, CountsWhatCameWhatDidNotAndWhatWaits) {
  TelemetryAccount account;
  EXPECT_TRUE(account.take(batch(1, 3, 5, 0), 3));
  EXPECT_EQ(account.received(), 3u);
  EXPECT_EQ(account.pending(), 2u);
  // 4 and 5 were sent and never came; 6 was dropped before it was sent.
  EXPECT_TRUE(account.take(batch(7, 2, 8, 1), 2));
  EXPECT_EQ(account.received(), 5u);
  EXPECT_EQ(account.lost(), 2u);
  EXPECT_EQ(account.dropped(), 1u);
  EXPECT_EQ(account.pending(), 0u);
  expect_balance(account);
}

TEST(TelemetryAccount, AHeartbeatSettlesWhatWasLostLast) {
  TelemetryAccount account;
  EXPECT_TRUE(account.take(batch(1, 2, 2, 0), 2));
  EXPECT_TRUE(account.settle({10, 1, 6}));
  EXPECT_EQ(account.lost(), 4u);
  EXPECT_EQ(account.pending(), 3u);
  expect_balance(account);
}

TEST(TelemetryAccount, WhatAnotherHubWasSentIsNotLost) {
  TelemetryAccount account({100, 10, 80});
  expect_balance(account);
  EXPECT_EQ(account.lost(), 0u);
  EXPECT_EQ(account.pending(), 10u);
  EXPECT_TRUE(account.take(batch(91, 10, 100, 10), 10));
  EXPECT_EQ(account.received(), 10u);
  expect_balance(account);
}

TEST(TelemetryAccount, FiguresThatContradictCountNothing) {
  TelemetryAccount account;
  ASSERT_TRUE(account.take(batch(1, 5, 10, 0), 5));
  for (const auto& wrong : {batch(0, 1, 10, 0), batch(3, 1, 10, 0), batch(6, 1, 9, 0),
                            batch(6, 6, 10, 0), batch(6, 1, 10, 11), batch(6, 0, 10, 0)}) {
    EXPECT_FALSE(account.take(wrong, 1)) << wrong.first;
  }
  EXPECT_FALSE(account.settle({10, 0, 4})) << "fewer than before";
  EXPECT_FALSE(account.settle({10, 6, 5})) << "more than were produced";
  EXPECT_EQ(account.received(), 5u);
  expect_balance(account);
}

}  // namespace
}  // namespace scanflow::hub
