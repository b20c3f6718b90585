// What attempts write, and how much of it is kept.
#include <gtest/gtest.h>

#include "tests/unit/backend/harness.hpp"

namespace scanflow::backend {
namespace {

std::string notice(const char* limit) {
  return std::string("scanflow: the log has reached its limit of ") + limit +
         "; the rest is not kept\n";
}

TEST(LocalLog, KeepsTheBeginningUpToItsLimitAndSaysSoOnce) {
  Harness harness;
  auto request = harness.script("a",
                                "for i in $(seq 20000); do echo 'a line'; done; echo a=1 >> "
                                "$SCANFLOW_OUTPUT");
  request.log_limit = 1024;
  const auto result = harness.run(request);
  EXPECT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(result.outputs, R"({"a":1})");
  std::string kept;
  while (kept.size() < 1024) kept += "a line\n";
  kept.resize(1024);
  EXPECT_EQ(harness.log(result), kept + "\n" + notice("1.0 KiB"));
  EXPECT_EQ(harness.log(harness.run(harness.script("b", "echo b"))), "b\n");
}

TEST(LocalLog, WhatFitsIsKeptWithoutAWord) {
  Harness harness;
  auto request = harness.script("a", "printf %01024d 0");
  request.log_limit = 1024;
  EXPECT_EQ(harness.log(harness.run(request)), std::string(1024, '0'));
  request = harness.script("b", "printf %01023d 0; echo; echo more; echo more");
  request.log_limit = 1024;
  EXPECT_EQ(harness.log(harness.run(request)), std::string(1023, '0') + "\n" + notice("1.0 KiB"));
}

TEST(LocalLog, TheDefaultLimitHoldsWhereNoneIsSet) {
  Harness harness;
  const auto result = harness.run(harness.script("a", "head -c 70000000 /dev/zero"));
  EXPECT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(result.log.length, (64u << 20) + 1 + notice("64 MiB").size());
}

TEST(LocalLog, TheLastWordsOfAFailureAreKnownBeyondTheLimit) {
  Harness harness;
  auto request = harness.script("a", "head -c 300000 /dev/zero; echo; echo goodbye; exit 3");
  request.log_limit = 1024;
  EXPECT_EQ(harness.run(request).message, "exited with status 3; last line: goodbye");
}

TEST(LocalLog, TheLimitHoldsForPluginsAndIsCountedAfterSecretsAreHidden) {
  Harness harness;
  auto request = harness.plugin("a", "test.echo", {{"text", std::string(2000, 'x')}});
  request.secrets["TOKEN"] = std::string(1000, 'x');
  request.log_limit = 10;
  EXPECT_EQ(harness.log(harness.run(request)), "log: ***\no\n" + notice("10 B"));
}

TEST(LocalLog, OpeningItAnewEmptiesNothing) {
  Harness harness;
  const auto first = harness.run(harness.script("a", "echo of a"));
  const auto second = harness.run(
      harness.script("b", "echo first\necho second > /dev/stderr\necho third | tee /dev/stderr"));
  EXPECT_EQ(harness.log(first), "of a\n");
  EXPECT_EQ(harness.log(second), "first\nsecond\nthird\nthird\n");
}

TEST(LocalLog, NobodyWritesIntoTheLogOfTheNextInTheSlot) {
  Harness harness;
  const std::string file = (harness.files() / "daemon").string();
  harness.run(
      harness.script("a", "setsid bash -c 'while :; do echo noise; done' & echo $! > " + file));
  const auto next = harness.run(
      harness.script("b", "while kill -0 $(cat " + file + ") 2> /dev/null; do :; done; echo b"));
  EXPECT_EQ(harness.log(next), "b\n");
}

TEST(LocalLog, AProgramThatLeavesItsOutputNonBlockingHarmsNoOther) {
  Harness harness;
  const auto first = harness.run(harness.command(
      "a", {{"argv", {"perl", "-e", "use Fcntl; fcntl(STDOUT, F_SETFL, O_NONBLOCK) or die"}}}));
  ASSERT_EQ(first.status, "succeeded") << first.message;
  const auto next =
      harness.run(harness.command("b", {{"argv", {"head", "-c", "5000000", "/dev/zero"}}}));
  EXPECT_EQ(next.status, "succeeded") << next.message;
  EXPECT_EQ(next.log.length, 5'000'000u);
}

}  // namespace
}  // namespace scanflow::backend
