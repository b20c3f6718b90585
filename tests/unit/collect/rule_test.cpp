#include "sidecar/collect/rule.hpp"

#include <gtest/gtest.h>

#include "tests/support/seconds.hpp"

namespace scanflow::collect {
namespace {

/// A workload whose memory goes as told, a second each; answers when the rule fired.
class Memory {
 public:
  explicit Memory(const std::string& rule) : watch_(*parse_rule(rule)) {}
  std::vector<int> go(const std::vector<double>& ratios) {
    std::vector<int> fired;
    for (const double ratio : ratios) {
      Values values;
      if (ratio >= 0) values.set(Metric::memory_used_ratio, ratio);
      history_.add(++second_ * kSecond, values);
      if (watch_.look(history_, second_ * kSecond)) fired.push_back(second_);
    }
    return fired;
  }
  RuleWatch watch_;
  History history_;
  int second_ = 0;
};

using Seconds = std::vector<int>;

TEST(Rule, FiresWhenItHasRisenLongEnough) {
  Memory memory("memory_used_ratio > 0.92 rising for 5s -> checkpoint");
  EXPECT_EQ(memory.go({0.90, 0.91, 0.93, 0.94, 0.95, 0.955, 0.96}), Seconds{});
  EXPECT_EQ(memory.go({0.965}), Seconds{8});  // over it from second 3 to 8
  EXPECT_EQ(memory.go({0.97, 0.98, 0.99}), Seconds{});
}

TEST(Rule, HighAndStillIsNotRising) {
  Memory memory("memory_used_ratio > 92% rising for 5s -> checkpoint");
  EXPECT_EQ(memory.go(std::vector<double>(20, 0.95)), Seconds{});
  EXPECT_EQ(memory.go({0.9501, 0.95, 0.9501, 0.95, 0.9501, 0.95}), Seconds{});
}

TEST(Rule, FlutteringFiresOnce) {
  Memory memory("memory_used_ratio > 0.9 -> checkpoint");
  EXPECT_EQ(memory.go({0.91, 0.89, 0.91, 0.88, 0.92}), Seconds{1});
  EXPECT_EQ(memory.go({0.85, 0.91}), Seconds{7});  // it was back by a twentieth
}

TEST(Rule, AbsentValuesChangeNothing) {
  Memory memory("memory_used_ratio > 0.9 -> checkpoint");
  EXPECT_EQ(memory.go({0.95, -1, -1, 0.95}), Seconds{1});
  Memory fresh("memory_used_ratio > 0.9 for 2s -> checkpoint");
  EXPECT_EQ(fresh.go({0.95, 0.95, -1, 0.95, 0.95}), Seconds{});
  EXPECT_EQ(fresh.go({0.95}), Seconds{6});
}

TEST(Rule, StaleSamplesAreNoReason) {
  Memory memory("memory_used_ratio > 0.9 for 1s -> checkpoint");
  memory.go({0.5, 0.95});
  Values values;
  values.set(Metric::memory_used_ratio, 0.95);
  memory.history_.add(3 * kSecond, values);
  EXPECT_FALSE(memory.watch_.look(memory.history_, 30 * kSecond));
  EXPECT_TRUE(memory.watch_.look(memory.history_, 4 * kSecond));
}

TEST(Rule, BelowAndFalling) {
  Memory memory("memory_used_ratio < 0.5 falling 0.05/s -> resume");
  EXPECT_EQ(memory.go({0.49, 0.48, 0.47, 0.46}), Seconds{});  // too slowly
  EXPECT_EQ(memory.go({0.38, 0.30, 0.20}), Seconds{6});
  EXPECT_EQ(memory.go({0.52, 0.53, 0.40, 0.30, 0.20}), Seconds{11});
}

TEST(Rule, IsParsedAndWrittenAgain) {
  const auto rule = parse_rule("memory_bytes >= 400Mi  rising 10Mi/s for 1m -> stop_early");
  ASSERT_TRUE(rule) << rule.error().message;
  EXPECT_EQ(rule->signal, Signal::memory_bytes);
  EXPECT_EQ(rule->op, Op::at_least);
  EXPECT_EQ(rule->bound, 400.0 * 1024 * 1024);
  EXPECT_EQ(rule->trend, Trend::rising);
  EXPECT_EQ(rule->slope, 10.0 * 1024 * 1024);
  EXPECT_EQ(rule->for_us, 60 * kSecond);
  EXPECT_EQ(rule->primitive, "stop_early");
  const auto again = parse_rule(text_of(*rule));
  ASSERT_TRUE(again) << text_of(*rule) << again.error().message;
  EXPECT_EQ(text_of(*again), text_of(*rule));
  EXPECT_EQ(text_of(*rule), "memory_bytes >= 400Mi rising 10Mi/s for 60s -> stop_early");
}

TEST(Rule, ErrorsSayWhatAndHow) {
  for (const auto& [text, what] : std::vector<std::pair<std::string, std::string>>{
           {"memory_used_ration > 0.9 -> x", "did you mean 'memory_used_ratio'?"},
           {"memory_used_ratio = 0.9 -> x", "'=' is not one of > >= < <="},
           {"memory_used_ratio > high -> x", "'high' is not a bound of memory_used_ratio"},
           {"memory_used_ratio > nan -> x", "'nan' is not a bound"},
           {"threads > 5Mi -> x", "'5Mi' is not a bound"},
           {"threads > 5 rising fast -> x", "'fast' is not an amount a second"},
           {"threads > 5 for ever -> x", "'ever' is not a duration"},
           {"threads > 5 for 2m -> x", "longer than the 60 s remembered"},
           {"threads > 5 then x", "'->' is expected where 'then' is"},
           {"threads > 5 -> rm -rf", "'-rf' is left over"},
           {"threads > 5 -> Checkpoint!", "'Checkpoint!' is not a primitive's name"},
           {"", "there is no signal ''"}}) {
    const auto rule = parse_rule(text);
    ASSERT_FALSE(rule) << text;
    EXPECT_NE(rule.error().message.find(what), std::string::npos) << rule.error().message;
    EXPECT_NE(rule.error().message.find("for example"), std::string::npos);
  }
}

}  // namespace
}  // namespace scanflow::collect
