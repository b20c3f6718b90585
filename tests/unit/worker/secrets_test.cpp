#include "engine/worker/secrets.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace scanflow::worker {
namespace {

using nlohmann::json;

std::shared_ptr<const Secrets> secrets(const std::map<std::string, std::string>& values) {
  auto made = Secrets::of(values);
  EXPECT_TRUE(made) << made.error().message;
  return *made;
}

/// The outputs of a result that went through.
json outputs(const Secrets& all, const json& value) {
  protocol::Result result;
  result.outputs = value.dump();
  all.redact(result);
  return json::parse(result.outputs);
}

TEST(Secrets, OutputsAreLookedThroughAsValues) {
  const auto all = secrets({{"TOKEN", "s\"cr\\t"}, {"PIN", "123456"}});
  EXPECT_EQ(outputs(*all, {{"a", "x s\"cr\\t y"}, {"b", {{"s\"cr\\t", {1, "s\"cr\\t"}}}}}),
            (json{{"a", "x *** y"}, {"b", {{"***", {1, "***"}}}}}));
}

TEST(Secrets, ANumberIsASecretOrIsNot) {
  const auto all = secrets({{"PIN", "123456"}});
  EXPECT_EQ(outputs(*all, {{"a", 123456}, {"b", 1234567}, {"c", 0.123456}, {"d", "no 1234567"}}),
            (json{{"a", "***"}, {"b", 1234567}, {"c", 0.123456}, {"d", "no ***7"}}));
}

TEST(Secrets, WhatIsNoSecretKeepsItsType) {
  const json value = {{"a", 1}, {"b", nullptr}, {"c", true}, {"d", json::array()}, {"e", 0.5}};
  EXPECT_EQ(outputs(*secrets({{"TOKEN", "hunter22"}}), value), value);
}

TEST(Secrets, OutputsThatAreNoJsonAreLookedThroughAsText) {
  protocol::Result result;
  result.outputs = "{hunter22";
  secrets({{"TOKEN", "hunter22"}})->redact(result);
  EXPECT_EQ(result.outputs, "{***");
}

TEST(Secrets, AMessageShowsNoPartEither) {
  protocol::Result result;
  result.message = "hunter22 was refused: hunter";  // a quotation, cut
  secrets({{"TOKEN", "hunter22"}})->redact(result);
  EXPECT_EQ(result.message, "*** was refused: ***");
}

TEST(Secrets, NamesAndLabelsOfMetricsAndProgress) {
  const auto all = secrets({{"TOKEN", "hunter22"}});
  protocol::Metric metric;
  metric.name = "loss.hunter22";
  metric.labels = {{"hunter22", "a"}, {"user", "hunter22"}};
  all->redact(metric);
  EXPECT_EQ(metric.name, "loss.***");
  EXPECT_EQ(metric.labels, (std::map<std::string, std::string>{{"***", "a"}, {"user", "***"}}));
  protocol::Progress progress;
  progress.message = "with hunter22";
  all->redact(progress);
  EXPECT_EQ(progress.message, "with ***");
}

TEST(Secrets, ShortOnesAreNamedAndNotRedacted) {
  const auto all = secrets({{"EMPTY", ""}, {"LONG", "long enough"}, {"SHORT", "abc"}});
  EXPECT_EQ(all->unprotected(), std::vector<std::string>{"SHORT"});
  EXPECT_EQ(all->redact("abc long enough"), "abc ***");
  EXPECT_TRUE(secrets({{"SHORT", "abc"}})->patterns()->empty());
}

TEST(Secrets, MistakesNameTheSecretAndNotItsValue) {
  const auto message = [](const std::string& name, const std::string& value) {
    return Secrets::of({{name, value}}).error().message;
  };
  EXPECT_EQ(message("A=B", "hunter22"),
            "'A=B' cannot be the name of a secret's environment variable");
  EXPECT_EQ(message("", "hunter22"), "'' cannot be the name of a secret's environment variable");
  EXPECT_EQ(
      message("KEY", std::string("a\0bcdef", 7)),
      "the secret KEY holds a NUL byte, which no environment variable can; encode it (base64)");
  EXPECT_EQ(message("KEY", std::string(65'537, 'x')),
            "the secret KEY has 65537 bytes; an environment variable may have 65536 here");
}

}  // namespace
}  // namespace scanflow::worker
