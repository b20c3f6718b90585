// prometheus: against a server that answers as Prometheus 2.45 does, or worse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <scanflow/testing.hpp>

#include "plugins/triggers/prometheus/answer.hpp"
#include "plugins/triggers/prometheus/crossings.hpp"
#include "plugins/triggers/prometheus/prometheus_trigger.hpp"
#include "tests/unit/triggers/http_stub.hpp"

namespace scanflow::triggers {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string vector_of(const std::map<std::string, std::string>& values, double at_s) {
  json result = json::array();
  for (const auto& [job, value] : values)
    result.push_back({{"metric", {{"__name__", "up"}, {"job", job}}}, {"value", {at_s, value}}});
  return json{{"status", "success"}, {"data", {{"resultType", "vector"}, {"result", result}}}}
      .dump();
}

class PrometheusTriggerTest : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("no_proxy", "127.0.0.1", 1); }
  std::vector<json> wake(double at_s, json config = json::object()) {
    const json defaults = {{"url", server_.url()}, {"query", "errors > 0"}, {"above", 5}};
    for (const auto& [name, value] : defaults.items())
      if (!config.contains(name)) config[name] = value;
    const auto result = harness_.wake<PrometheusTrigger>(
        config,
        {.reason = reason_, .now_us = static_cast<std::int64_t>(at_s * 1e6), .state = state_});
    problem_ = result.ok() ? "" : result.told.error;
    if (result.wake.state) state_ = *result.wake.state;
    has_state_ = result.wake.state.has_value();
    next_us_ = result.wake.next_wake_us;
    return result.wake.fires;
  }
  std::vector<json> wake_with(double at_s, const std::map<std::string, std::string>& values,
                              const json& config = json::object()) {
    server_.answer({.body = vector_of(values, at_s)});
    auto fires = wake(at_s, config);
    EXPECT_EQ(problem_, "");
    return fires;
  }

  HttpStub server_;
  scanflow::testing::Harness harness_;
  WakeReason reason_ = WakeReason::time;
  std::string state_, problem_;
  std::optional<std::int64_t> next_us_;
  bool has_state_ = false;
};

TEST_F(PrometheusTriggerTest, AsksWhenItIsTimeAndNotBefore) {
  reason_ = WakeReason::start;
  EXPECT_THAT(wake(7), IsEmpty());
  EXPECT_EQ(next_us_, 7'000'000);
  EXPECT_THAT(server_.requests(), IsEmpty()) << "one that is away holds up no agent's start";
  reason_ = WakeReason::time;
  wake_with(7, {}, {{"query", "rate(x{a=\"b c\"}[5m]) + 1"}, {"url", server_.url() + "/prom/"}});
  EXPECT_EQ(next_us_, 22'000'000);
  ASSERT_THAT(server_.requests(), SizeIs(1));
  EXPECT_THAT(
      server_.requests()[0],
      AllOf(HasSubstr("GET /prom/api/v1/query?query=rate%28x%7Ba%3D%22b%20c%22%7D%5B5m%5D%29"
                      "%20%2B%201&timeout=800ms HTTP/1.1\r\n"),
            Not(HasSubstr("Authorization"))));
}

TEST_F(PrometheusTriggerTest, EachSeriesHasItsOwnEdge) {
  const json config = {{"above", 5}, {"clear", 3}};
  EXPECT_THAT(wake_with(10, {{"a", "5"}, {"b", "1"}}, config), IsEmpty());
  EXPECT_FALSE(state_.find("job") != std::string::npos) << "nothing is kept of those below it";
  const auto fired = wake_with(20, {{"a", "6.5"}, {"b", "1"}}, config);
  ASSERT_THAT(fired, SizeIs(1));
  EXPECT_EQ(fired[0], (json{{"query", "errors > 0"},
                            {"labels", {{"__name__", "up"}, {"job", "a"}}},
                            {"value", 6.5},
                            {"since_us", 20'000'000},
                            {"until_us", 20'000'000},
                            {"time_us", 20'000'000}}));
  EXPECT_THAT(wake_with(30, {{"a", "7"}, {"b", "7"}}, config), SizeIs(1)) << "b";
  EXPECT_THAT(wake_with(40, {{"a", "4"}, {"b", "7"}}, config), IsEmpty());
  EXPECT_THAT(wake_with(50, {{"a", "7"}, {"b", "7"}}, config), IsEmpty()) << "a was not clear";
  EXPECT_THAT(wake_with(60, {{"a", "3"}, {"b", "7"}}, config), IsEmpty());
  EXPECT_THAT(wake_with(70, {{"a", "+Inf"}, {"b", "7"}}, config), SizeIs(1));
  EXPECT_THAT(wake_with(80, {{"a", "7"}, {"b", "NaN"}}, config), IsEmpty());
}

TEST_F(PrometheusTriggerTest, AScalarAndBelow) {
  const auto scalar = [&](double at_s, const std::string& value) {
    server_.answer({.body = json{{"status", "success"},
                                 {"data", {{"resultType", "scalar"}, {"result", {at_s, value}}}}}
                                .dump()});
    return wake(at_s, {{"above", nullptr}, {"below", 0.5}});
  };
  EXPECT_THAT(scalar(10, "0.5"), IsEmpty());
  const auto fired = scalar(20, "1e-3");
  ASSERT_THAT(fired, SizeIs(1)) << problem_;
  EXPECT_EQ(fired[0]["labels"], json::object());
  EXPECT_EQ(fired[0]["value"], 0.001);
}

TEST_F(PrometheusTriggerTest, MustHoldForSoLongAndBeThere) {
  const json config = {{"for", "20s"}};
  EXPECT_THAT(wake_with(10, {{"a", "6"}}, config), IsEmpty());
  EXPECT_THAT(wake_with(25, {{"a", "6"}}, config), IsEmpty());
  EXPECT_EQ(next_us_, 30'000'000) << "not 'every', 15 s, later";
  EXPECT_THAT(wake_with(29, {}, config), IsEmpty()) << "a comparison in the query leaves it out";
  EXPECT_THAT(wake_with(30, {{"a", "6"}}, config), IsEmpty()) << "it begins anew";
  EXPECT_THAT(wake_with(50, {{"a", "6"}}, config), SizeIs(1));
  EXPECT_THAT(wake_with(65, {}, config), IsEmpty());
  EXPECT_THAT(wake_with(80, {{"a", "6"}}, config), IsEmpty()) << "it was away for a moment";
  EXPECT_THAT(wake_with(90, {}, config), IsEmpty());
  EXPECT_THAT(wake_with(380, {}, config), IsEmpty());
  EXPECT_THAT(wake_with(381, {{"a", "6"}}, config), IsEmpty());
  EXPECT_THAT(wake_with(401, {{"a", "6"}}, config), SizeIs(1)) << "it was gone for 5 minutes";
}

TEST_F(PrometheusTriggerTest, OneQuestionThatFailsLosesNothingAndFiresNothing) {
  const json config = {{"for", "20s"}};
  const json hasty = {{"for", "20s"}, {"timeout", "100ms"}};
  EXPECT_THAT(wake_with(10, {{"a", "6"}, {"b", "1"}}, config), IsEmpty());
  for (const HttpStub::Reply& reply : {HttpStub::Reply{.is_mute = true},
                                       {.status = 503, .body = "upstream"},
                                       {.body = "{"},
                                       {.body = vector_of({{"a", "9"}}, 20), .less = 9},
                                       {.body = vector_of({{"a", "NaN"}}, 20)}}) {
    server_.answer(reply);
    EXPECT_THAT(wake(20, hasty), IsEmpty());
    EXPECT_NE(problem_, "") << reply.body;
    EXPECT_FALSE(has_state_);
  }
  EXPECT_THAT(wake_with(30, {{"a", "6"}, {"b", "1"}}, config), SizeIs(1)) << "it held all the time";
  server_.answer({.is_mute = true});
  wake(40, hasty);
  EXPECT_THAT(wake_with(50, {{"a", "6"}, {"b", "1"}}, config), IsEmpty()) << "no second edge";
}

TEST_F(PrometheusTriggerTest, SaysWhatWhereWhyAndTheFix) {
  const auto why = [&](const HttpStub::Reply& reply, const json& config = json::object()) {
    server_.answer(reply);
    EXPECT_THAT(wake(1, config), IsEmpty());
    return problem_;
  };
  const auto body = [](const json& document) { return HttpStub::Reply{.body = document.dump()}; };
  EXPECT_THAT(
      why({.status = 400,
           .body = R"({"status":"error","errorType":"bad_data","error":"invalid parameter )"
                   R"(\"query\": 1:3: parse error: unexpected end of input"})"}),
      HasSubstr(server_.url() + ", query 'errors > 0': bad_data: invalid parameter \"query\": "
                                "1:3: parse error"));
  EXPECT_THAT(why({.status = 401, .body = "Unauthorized"}),
              AllOf(HasSubstr("HTTP status 401: \"Unauthorized\""), HasSubstr("token_file")));
  EXPECT_THAT(why({.status = 404, .body = "404 page not found"}),
              HasSubstr("'url' is what stands before /api/v1/query"));
  EXPECT_THAT(why({.status = 302}), HasSubstr("redirections are not followed"));
  EXPECT_THAT(why({.body = "<html>\xff"}),
              HasSubstr("no answer of a Prometheus server, but \"<html>"));
  EXPECT_THAT(why(body({{"status", "success"},
                        {"data", {{"resultType", "matrix"}, {"result", json::array()}}}})),
              HasSubstr("the query gives a matrix; write one that gives a vector"));
  EXPECT_THAT(why(body({{"status", "success"}})), HasSubstr("not as the API has it"));
  EXPECT_THAT(why({.body = vector_of({{"a", "NaN"}, {"b", "NaN"}}, 1)}),
              HasSubstr("NaN of all series (0/0?)"));
  EXPECT_THAT(why({.body = vector_of({{"a", "0x1"}}, 1)}), HasSubstr("'0x1' is no number"));
  EXPECT_THAT(why({.body = std::string(5 << 20, ' ')}), HasSubstr("longer than 4 MiB"));
  EXPECT_THAT(why({.is_mute = true}, {{"timeout", "100ms"}}),
              AllOf(HasSubstr("no answer within 100 ms"), HasSubstr("'timeout'")));
  EXPECT_THAT(why({}, {{"url", server_.url("https")}}),
              HasSubstr(server_.url("https") + ", query"));
  EXPECT_THAT(why({}, {{"url", server_.url("https")}, {"ca_file", "/nowhere.pem"}}),
              HasSubstr("ca_file /nowhere.pem"));
  EXPECT_THAT(why({}, {{"token_file", "/nowhere"}}),
              HasSubstr("token_file: cannot read /nowhere: No such file"));
  std::string nobody;
  {
    const HttpStub gone;
    nobody = gone.url();
  }
  EXPECT_THAT(why({}, {{"url", nobody}}), HasSubstr("is the server there, and 'url' right?"));
}

TEST_F(PrometheusTriggerTest, GivesATokenThatIsReadEachTime) {
  const auto file = harness_.directory() / "token";
  const json config = {{"token_file", file.string()}};
  for (const char* token : {"first", "second"}) {
    std::ofstream(file) << token << "\n";
    wake_with(1, {}, config);
    EXPECT_THAT(server_.requests().back(),
                HasSubstr(std::string("Authorization: Bearer ") + token + "\r\n"));
  }
  std::ofstream(file) << "a\r\nX-Evil: b";
  wake(1, config);
  EXPECT_THAT(problem_, HasSubstr("holds no token"));
}

TEST_F(PrometheusTriggerTest, TellsWhatTheServerWarnsOf) {
  json answer = json::parse(vector_of({{"a", "9"}}, 1));
  answer["warnings"] = {"a store is away"};
  server_.answer({.body = answer.dump()});
  const auto fired = wake(1);
  ASSERT_THAT(fired, SizeIs(1));
  EXPECT_EQ(fired[0]["warnings"], json::array({"a store is away"}));
}

TEST_F(PrometheusTriggerTest, WhatCannotBeSaysWhy) {
  const auto why = [&](const json& config) {
    wake(1, config);
    return problem_;
  };
  EXPECT_THAT(why({{"url", "prometheus:9090"}}), HasSubstr("url: 'prometheus:9090' is not like"));
  EXPECT_THAT(why({{"url", "http://a/api?x=1"}}), HasSubstr("the query has a field of its own"));
  EXPECT_THAT(why({{"url", "http://me:secret@a"}}),
              AllOf(HasSubstr("write a token_file"), Not(HasSubstr("secret"))));
  EXPECT_THAT(why({{"below", 1}}), HasSubstr("write one of them"));
  EXPECT_THAT(why({{"clear", 9}}), HasSubstr("clear: 9 is on the side"));
  EXPECT_THAT(why({{"timeout", "2s"}}), HasSubstr("timeout: 2s is not between"));
  EXPECT_THAT(why({{"every", "1ms"}}), HasSubstr("every: write 100ms or more"));
  EXPECT_THAT(why({{"query", ""}}), HasSubstr("shorter than 1"));
}

TEST(Crossings, SeriesWithoutRoomWaitUntilThereIsSome) {
  const Limit limit;  // above 0
  std::vector<QueryValue> values;
  for (int i = 0; i < 300; ++i)
    values.push_back(
        {{{"pod", "p\"" + std::to_string(1000 + i)}}, 1'700'000'000'000'000, 1.0 / 3 + i});
  Crossings crossings;
  EXPECT_THAT(crossings.take(limit, values, 1'700'000'000'000'000), SizeIs(Crossings::kMost));
  EXPECT_EQ(crossings.without_room(), 100);
  EXPECT_LT(crossings.text().size(), 64U << 10);
  crossings = Crossings::read(crossings.text());
  EXPECT_THAT(crossings.take(limit, values, 1'700'000'000'000'001), IsEmpty());
  for (int i = 0; i < 150; ++i) values[static_cast<std::size_t>(i)].value = -1;
  for (auto& value : values) value.time_us += 5;
  EXPECT_THAT(crossings.take(limit, values, 1'700'000'000'000'005), SizeIs(100));
  EXPECT_EQ(crossings.without_room(), 0);
  for (auto& value : values) value.labels["long"] = std::string(3000, '"');
  EXPECT_THAT(crossings.take(limit, values, 1'700'000'000'000'006), Not(SizeIs(150)));
  EXPECT_LT(crossings.text().size(), 64U << 10);
}

}  // namespace
}  // namespace scanflow::triggers
