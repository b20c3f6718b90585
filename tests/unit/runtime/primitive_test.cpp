#include "engine/runtime/primitive.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sdk/loader/schema.hpp"
#include "sidecar/protocol/primitives.hpp"
#include "tests/support/seconds.hpp"

namespace scanflow::runtime {
namespace {

using testing::HasSubstr;

std::string error_of(const std::string& primitive, const std::string& arguments = "{}",
                     std::int64_t deadline_us = 0) {
  PrimitiveRequest request;
  request.primitive = primitive;
  request.arguments = arguments;
  request.deadline_us = deadline_us;
  const auto checked = check_primitive(request);
  return checked ? "" : checked.error().message;
}

TEST(Primitive, TheTableIsWhatTheCheckerUnderstands) {
  for (const protocol::Primitive& each : protocol::primitives()) {
    const auto good = loader::check_schema(json::parse(each.schema));
    EXPECT_TRUE(good) << each.name << ": " << good.error().message;
    EXPECT_GT(each.deadline_us, 0) << each.name;
  }
  EXPECT_EQ(primitive_documents().size(), protocol::primitives().size());
}

TEST(Primitive, GoodOnesGetTheirOwnDeadline) {
  PrimitiveRequest request;
  request.primitive = "pause";
  request.arguments = R"({"for": "30s"})";
  const auto checked = check_primitive(request);
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(checked->arguments, R"({"for":"30s"})");
  EXPECT_EQ(checked->deadline_us, protocol::find_primitive("pause")->deadline_us);
  request.deadline_us = 5 * kSecond;
  EXPECT_EQ(check_primitive(request)->deadline_us, 5 * kSecond);
  EXPECT_EQ(error_of("set_param", R"({"name": "lr", "value": [1, {"a": null}]})"), "");
  EXPECT_EQ(
      error_of("reload_model", R"({"path": "/m", "sha256": ")" + std::string(64, 'a') + R"("})"),
      "");
}

TEST(Primitive, VersionsOfAServiceAreCheckedBeforeAnybodyIsAsked) {
  const auto versions = [](const std::string& of) {
    return error_of(
        "set_traffic",
        R"({"node": "cnn", "versions": [{"version": "3", "weight": 0.5, )" + of + "}]}");
  };
  EXPECT_EQ(versions(R"("model": "/models/3")"), "");
  EXPECT_EQ(versions(R"("directory": true, "sha256": ")" + std::string(64, 'a') + R"(")"), "");
  EXPECT_THAT(versions(R"("sha256": "ab")"), HasSubstr("sha256"));
  EXPECT_THAT(versions(R"("model": 7)"), HasSubstr("model"));
  EXPECT_THAT(error_of("set_traffic", R"({"node": "cnn", "versions": []})"), HasSubstr("versions"));
}

TEST(Primitive, WrongOnesAreToldWhatIsRight) {
  EXPECT_EQ(error_of("puase"), "there is no primitive 'puase'; did you mean 'pause'?");
  EXPECT_THAT(error_of("levitate"), HasSubstr("there are: pause, resume, throttle"));
  EXPECT_THAT(error_of("throttle"), HasSubstr("primitive throttle: arguments"));
  EXPECT_THAT(error_of("throttle"), HasSubstr("share"));
  EXPECT_THAT(error_of("throttle", R"({"share": 2})"), HasSubstr("above the maximum 1"));
  EXPECT_THAT(error_of("pause", R"({"fro": "30s"})"), HasSubstr("did you mean 'for'?"));
  EXPECT_THAT(error_of("resume", R"({"for": "30s"})"), HasSubstr("for"));
  EXPECT_THAT(error_of("pause", R"({"for": "soon"})"),
              HasSubstr("primitive pause: arguments/for: "));
  EXPECT_THAT(error_of("pause", R"({"for": "0s"})"), HasSubstr("above 0"));
  EXPECT_THAT(error_of("terminate", R"({"grace": "long"})"), HasSubstr("arguments/grace"));
  EXPECT_THAT(error_of("pause", "[]"), HasSubstr("must be a JSON object"));
  EXPECT_THAT(error_of("pause", "{}", -1), HasSubstr("deadline"));
  EXPECT_THAT(error_of("pause", "{}", kSecond * 100 * 3600), HasSubstr("at most 24h"));
}

TEST(Primitive, RequestsSurviveTheSocket) {
  PrimitiveRequest request{"id",    "r1",  "call/train", "pause", R"({"for":"30s"})",
                           kSecond, "ann", false};
  const PrimitiveRequest again = primitive_request_from_json(to_json(request));
  EXPECT_EQ(to_json(again), to_json(request));
  EXPECT_EQ(again.arguments, request.arguments);
  EXPECT_FALSE(again.wait);
  EXPECT_THROW(primitive_request_from_json({{"run", "r1"}}), json::exception);
}

TEST(Primitive, OutcomesAreTakenAsTheyMayBe) {
  store::CommandRow row;
  take_outcome(row, {.outcome = "DONE", .message = "ok", .evidence = R"({"pids": [1]})"});
  EXPECT_EQ(row.outcome, "DONE");
  EXPECT_EQ(row.evidence, R"({"pids":[1]})");
  take_outcome(row, {.outcome = "MAYBE", .message = "b\xff", .evidence = "no JSON"});
  EXPECT_EQ(row.outcome, "INDETERMINATE");
  EXPECT_THAT(row.message, HasSubstr("b\xef\xbf\xbd"));
  EXPECT_EQ(row.evidence, "");
  take_outcome(row,
               {.outcome = "FAILED", .evidence = "{\"x\": \"" + std::string(100'000, 'x') + "\"}"});
  EXPECT_THAT(row.evidence, HasSubstr("are kept"));
  const json document = command_document(row, "call/");
  EXPECT_EQ(document["outcome"], "FAILED");
  EXPECT_EQ(document["step"], "call/");
  EXPECT_TRUE(command_document({})["outcome"].is_null());
}

TEST(Primitive, RulesActWithoutBeingAsked) {
  EXPECT_TRUE(is_of_rule("rule-7"));
  EXPECT_FALSE(is_of_rule("7"));
  const store::CommandRow row = row_of_rule({.id = "rule-7",
                                             .target = {"r1", "train", 2},
                                             .primitive = "checkpoint",
                                             .outcome = "DONE",
                                             .evidence = R"({"rule": "memory > 90 %"})",
                                             .started_us = 5,
                                             .ended_us = 9},
                                            "local", "pod");
  EXPECT_EQ(row.by, "rule");
  EXPECT_EQ(row.run, "r1");
  EXPECT_EQ(row.attempt, 2u);
  EXPECT_EQ(row.issued_us, 5);
  EXPECT_EQ(row.pod_uid, "pod");
  EXPECT_EQ(command_document(row)["evidence"]["rule"], "memory > 90 %");
}

TEST(Primitive, WhatAStepOffersIsToldFromWhatAnyProcessBears) {
  const json offers =
      offers_document(R"([{"name": "checkpoint", "summary": "writes weights"}, {"name": "dance"}])",
                      R"({"hooks": {"note": ["true"]}})");
  std::map<std::string, json> by;
  for (const json& each : offers) by[each["name"]] = each;
  EXPECT_EQ(by["checkpoint"]["by"], "step");
  EXPECT_EQ(by["checkpoint"]["summary"], "writes weights");
  EXPECT_EQ(by["pause"]["by"], "sidecar");
  EXPECT_EQ(by["exec_hook"]["by"], "sidecar");
  EXPECT_TRUE(by["set_param"]["by"].is_null());
  EXPECT_FALSE(by.contains("dance"));
  for (const json& each : offers_document("no JSON", "{}")) {
    if (each["name"] == "checkpoint" || each["name"] == "exec_hook") {
      EXPECT_TRUE(each["by"].is_null()) << each;
    }
  }
}

TEST(Primitive, ACommandIsNotOpenForEver) {
  constexpr std::int64_t kBegin = 1000 * kSecond;
  Open command{.deadline_us = kBegin + 300 * kSecond, .away_us = kBegin};
  // Nobody was there to be told, and the attempt runs: until the deadline (when the hub says so).
  EXPECT_EQ(given_up(command, kBegin + 299 * kSecond), "");
  EXPECT_EQ(given_up(command, kBegin + 300 * kSecond), "EXPIRED");
  // The attempt is over.
  command.over_us = kBegin + 20 * kSecond;
  EXPECT_EQ(given_up(command, kBegin + 29 * kSecond), "");
  EXPECT_EQ(given_up(command, kBegin + 30 * kSecond), "EXPIRED");
  command.maybe_sent = true;
  EXPECT_EQ(given_up(command, kBegin + 30 * kSecond), "INDETERMINATE");
  // Its sidecar has gone a moment ago: it may come back.
  command.away_us = kBegin + 25 * kSecond;
  EXPECT_EQ(given_up(command, kBegin + 30 * kSecond), "");
  EXPECT_EQ(given_up(command, kBegin + 35 * kSecond), "INDETERMINATE");
  // While it is there it says itself what becomes of it.
  command.attached = true;
  EXPECT_EQ(given_up(command, kBegin + 400 * kSecond), "");
  EXPECT_EQ(given_up(command, command.deadline_us + 3600 * kSecond), "INDETERMINATE");
}

}  // namespace
}  // namespace scanflow::runtime
