#include "engine/kube/election.hpp"

#include <gmock/gmock.h>

#include "tests/support/seconds.hpp"

namespace scanflow::kube {
namespace {

using nlohmann::json;

constexpr std::int64_t kWall = 1'800'000'000 * kSecond;

/// A Lease that several write, as an API server keeps it.
class ElectionTest : public testing::Test {
 protected:
  /// One try of it: true where it wrote.
  bool tries(Election& one) {
    const auto wanted = one.claim(lease_, now_us_, kWall + now_us_);
    if (!wanted) return false;
    lease_ = *wanted;
    one.written(lease_, now_us_);
    return true;
  }
  json lease_;
  std::int64_t now_us_ = 5 * kSecond;
  Election a_{"a", {}}, b_{"b", {}};
};

TEST_F(ElectionTest, WhoComesFirstLeadsAndRenews) {
  EXPECT_TRUE(tries(a_));
  EXPECT_EQ(a_.term(), 1);
  EXPECT_EQ(lease_["spec"]["renewTime"], "2027-01-15T08:00:05.000000Z");
  for (int i = 0; i < 20; ++i) {
    now_us_ += 2 * kSecond;
    EXPECT_TRUE(tries(a_));
    EXPECT_FALSE(tries(b_));
    EXPECT_TRUE(a_.leads(now_us_));
    EXPECT_FALSE(b_.leads(now_us_));
  }
  EXPECT_EQ(a_.term(), 1) << "renewing is no new term";
  EXPECT_EQ(b_.holder(), "a");
}

TEST_F(ElectionTest, TheOldOneStopsBeforeTheNewOneBegins) {
  ASSERT_TRUE(tries(a_));
  ASSERT_FALSE(tries(b_));  // from then on it counts
  std::int64_t stopped_us = 0, began_us = 0;
  for (; began_us == 0; now_us_ += kSecond / 10) {
    if (stopped_us == 0 && !a_.leads(now_us_)) stopped_us = now_us_;
    if (tries(b_)) began_us = now_us_;
    ASSERT_FALSE(a_.leads(now_us_) && b_.leads(now_us_)) << now_us_;
  }
  EXPECT_EQ(stopped_us, 15 * kSecond);
  EXPECT_EQ(began_us, 20 * kSecond);
  EXPECT_EQ(b_.term(), 2);
  EXPECT_FALSE(tries(a_)) << "it sees who has it now";
  EXPECT_FALSE(a_.leads(now_us_));
}

TEST_F(ElectionTest, AnAnswerThatComesLateDoesNotProlongIt) {
  const auto wanted = a_.claim(lease_, now_us_, kWall);
  a_.written(*wanted, now_us_);  // begun then
  EXPECT_FALSE(a_.leads(now_us_ + 10 * kSecond));
}

TEST_F(ElectionTest, OthersClocksDoNotMatter) {
  ASSERT_TRUE(tries(a_));
  lease_["spec"]["renewTime"] = "1999-01-01T00:00:00.000000Z";
  EXPECT_FALSE(tries(b_)) << "it is old by its holder's clock only";
  now_us_ += 14 * kSecond;
  lease_["spec"]["renewTime"] = "1999-01-01T00:00:02.000000Z";
  EXPECT_FALSE(tries(b_)) << "it was renewed";
  now_us_ += 14 * kSecond;
  EXPECT_FALSE(tries(b_));
  now_us_ += 1 * kSecond;
  EXPECT_TRUE(tries(b_));
}

TEST_F(ElectionTest, WhatWasGivenBackIsTakenAtOnce) {
  ASSERT_TRUE(tries(a_));
  ASSERT_FALSE(tries(b_));
  lease_ = Election::released(lease_, kWall);
  EXPECT_TRUE(tries(b_));
  EXPECT_EQ(b_.term(), 2);
}

TEST_F(ElectionTest, ANewProcessOfTheSameNameIsANewTerm) {
  ASSERT_TRUE(tries(a_));
  Election again("a", {});
  EXPECT_TRUE(tries(again));
  EXPECT_EQ(again.term(), 2);
}

TEST_F(ElectionTest, ReadsWhateverALeaseSays) {
  for (const char* text : {"3", "{}", R"({"spec": 4})",
                           R"({"spec": {"holderIdentity": 5, "leaseDurationSeconds": "x"}})"}) {
    Election one("a", {});
    EXPECT_TRUE(one.claim(json::parse(text), 1, kWall)) << text;
  }
}

}  // namespace
}  // namespace scanflow::kube
