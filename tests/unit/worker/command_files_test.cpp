#include "engine/worker/command_files.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace scanflow::worker {
namespace {

using nlohmann::json;

json outputs(std::string_view text) {
  const auto parsed = parse_outputs(text);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
  return parsed ? json::parse(*parsed) : json();
}

std::string error(std::string_view text) {
  const auto parsed = parse_outputs(text);
  return parsed ? "no error: " + *parsed : parsed.error().message;
}

TEST(Outputs, JsonKeepsItsTypeAndTheRestIsText) {
  EXPECT_EQ(outputs("a=1\nb=1.5\nc=true\nd=null\ne=[1, 2]\nf={\"x\": 1}\n"),
            json::parse(R"({"a":1,"b":1.5,"c":true,"d":null,"e":[1,2],"f":{"x":1}})"));
  EXPECT_EQ(outputs("a=hello\nb=\"1\"\nc=007\nd=\ne=a=b\nf=1.2.3"),
            json::parse(R"({"a":"hello","b":"1","c":"007","d":"","e":"a=b","f":"1.2.3"})"));
}

TEST(Outputs, LongIntegersStayText) {
  EXPECT_EQ(outputs("a=123456789012345678901234567890"),
            (json{{"a", "123456789012345678901234567890"}}));
}

TEST(Outputs, WhatIsNestedTooDeepStaysText) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  EXPECT_TRUE(outputs("a=" + nested(kMaxNesting))["a"].is_array());
  // Written out level by level it would end the process.
  for (const std::size_t levels : {kMaxNesting + 1, std::size_t{500'000}}) {
    EXPECT_EQ(outputs("a=" + nested(levels)), (json{{"a", nested(levels)}}));
  }
}

TEST(Outputs, BlocksHoldSeveralLines) {
  EXPECT_EQ(outputs("a<<END\none=1\n\ntwo\nEND\nb<<X\nX\nc<<J\n[1,\n2]\nJ\n"),
            json::parse(R"({"a":"one=1\n\ntwo","b":"","c":[1,2]})"));
}

TEST(Outputs, TheLastLineForAKeyCounts) { EXPECT_EQ(outputs("a=1\na=2\n"), (json{{"a", 2}})); }

TEST(Outputs, WindowsLineEndsAreTaken) {
  EXPECT_EQ(outputs("a=1\r\nb=x\r\n"), (json{{"a", 1}, {"b", "x"}}));
}

TEST(Outputs, MalformedLinesAreNamed) {
  EXPECT_EQ(error("a=1\n\nhello\n"),
            "$SCANFLOW_OUTPUT, line 3: 'hello' is neither key=value nor key<<END");
  EXPECT_EQ(error("=1"),
            "$SCANFLOW_OUTPUT, line 1: '=1' has no good key (letters, digits, '_', '-', '.')");
  EXPECT_EQ(error("a b=1"),
            "$SCANFLOW_OUTPUT, line 1: 'a b=1' has no good key (letters, digits, '_', '-', '.')");
  EXPECT_EQ(error("a<<"), "$SCANFLOW_OUTPUT, line 1: 'a<<' names no end marker after <<");
  EXPECT_EQ(error("x=1\na<<END\nb"),
            "$SCANFLOW_OUTPUT, line 2: 'a<<END' begins a block that no line 'END' ends");
  EXPECT_EQ(error("a=\xff"), "$SCANFLOW_OUTPUT holds text that is not UTF-8");
}

TEST(Outputs, TheLimitSaysWhatToDo) {
  EXPECT_EQ(outputs("a=" + std::string(kMaxOutputBytes - 2, 'x'))["a"].get<std::string>().size(),
            kMaxOutputBytes - 2);
  EXPECT_NE(error("a=" + std::string(kMaxOutputBytes, 'x')).find("under $SCANFLOW_ARTIFACTS"),
            std::string::npos);
  const auto begun = parse_outputs(std::string(kMaxOutputBytes + 1, 'x'), 1'100'003);
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().message.find("$SCANFLOW_OUTPUT has 1100003 bytes"), 0u)
      << begun.error().message;
}

TEST(Metrics, ALineHasNameValueStepAndLabels) {
  const auto metric = parse_metric("train/loss  -1.5e-3 step=7 split=train path=a=b");
  ASSERT_TRUE(metric) << metric.error().message;
  EXPECT_EQ(metric->name, "train/loss");
  EXPECT_EQ(metric->value, -1.5e-3);
  EXPECT_EQ(metric->step, 7);
  EXPECT_EQ(metric->labels,
            (std::map<std::string, std::string>{{"split", "train"}, {"path", "a=b"}}));
  EXPECT_TRUE(metric->logged);
}

TEST(Metrics, MalformedLinesSayWhy) {
  for (const char* line :
       {"loss", "loss x", "lo$$ 1", "loss 1 step", "loss 1 step=x", "loss 1 =x"}) {
    EXPECT_FALSE(parse_metric(line)) << line;
  }
}

}  // namespace
}  // namespace scanflow::worker
