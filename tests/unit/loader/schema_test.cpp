// validate: a value against a schema, all problems at once.
#include "sdk/loader/schema.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace scanflow::loader {
namespace {

const json kTrain = json::parse(R"({
  "type": "object",
  "properties": {
    "model": {"type": "string", "enum": ["cnn1", "cnn2"], "default": "cnn1"},
    "epochs": {"type": "integer", "minimum": 1, "maximum": 100, "default": 2},
    "rate": {"type": "number", "exclusiveMinimum": 0, "default": 0.01},
    "name": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
    "layers": {"type": "array", "items": {"type": "integer", "minimum": 1},
               "minItems": 1, "maxItems": 3},
    "limit": {"type": ["integer", "null"]},
    "nested": {"type": "object", "properties": {"a/b": {"type": "boolean", "default": true}}},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "data": {"type": "string", "description": "where the digits lie"}
  },
  "required": ["data"]
})");

/// All problems, one a line: "POINTER: MESSAGE".
std::string verdict(const char* text, const json& schema = kTrain) {
  auto value = json::parse(text);
  std::string list;
  for (const auto& problem : validate(schema, value)) {
    list += fmt::format("{}: {}\n", problem.pointer, problem.message);
  }
  return list;
}

TEST(Schema, FillsInDefaultsAlsoOfNestedObjects) {
  auto value = json::parse(R"({"data": "d", "nested": {}})");
  EXPECT_TRUE(validate(kTrain, value).empty());
  EXPECT_EQ(value, json::parse(R"({"data": "d", "model": "cnn1", "epochs": 2, "rate": 0.01,
                                   "nested": {"a/b": true}})"));
}

TEST(Schema, ReportsAllProblemsAtOnce) {
  EXPECT_EQ(verdict(R"({"epoch": 3, "epochs": -3, "rate": 0, "model": "cnn3"})"),
            "/epochs: -3 is below the minimum 1\n"
            "/model: \"cnn3\" is not one of \"cnn1\", \"cnn2\"; did you mean 'cnn1'?\n"
            "/rate: 0 is not above 0\n"
            "/epoch: unknown field 'epoch'; did you mean 'epochs'?\n"
            ": missing field 'data' (where the digits lie)\n");
}

TEST(Schema, TellsTypesApart) {
  EXPECT_EQ(verdict(R"({"data": "d", "epochs": 2.0})"), "/epochs: expected an integer, got 2.0\n");
  EXPECT_EQ(verdict(R"({"data": "d", "epochs": true})"),
            "/epochs: expected an integer, got true\n");
  EXPECT_EQ(verdict(R"({"data": "d", "rate": 1})"), "") << "an int passes as number";
  EXPECT_EQ(verdict(R"({"data": 7})"), "/data: expected text, got 7\n");
  EXPECT_EQ(verdict(R"({"data": "d", "limit": null})"), "");
  EXPECT_EQ(verdict(R"({"data": "d", "limit": "x"})"),
            "/limit: expected an integer or null, got \"x\"\n");
  EXPECT_EQ(verdict("[]"), ": expected an object, got []\n");
}

TEST(Schema, ChecksTextAndLists) {
  EXPECT_EQ(verdict(R"({"data": "d", "name": "ää"})"), "/name: \"ää\" does not match ^[a-z]+$\n")
      << "the subset's classes are of ASCII";
  EXPECT_EQ(verdict(R"({"data": "d", "name": "a"})"),
            "/name: \"a\" is shorter than 2 characters\n");
  EXPECT_EQ(verdict(R"({"data": "d", "layers": []})"), "/layers: has 0 items, fewer than 1\n");
  EXPECT_EQ(verdict(R"({"data": "d", "layers": [3, 0, "x", 4]})"),
            "/layers: has 4 items, more than 3\n"
            "/layers/1: 0 is below the minimum 1\n"
            "/layers/2: expected an integer, got \"x\"\n");
}

TEST(Schema, ObjectsWithPropertiesAreClosedOthersOpen) {
  EXPECT_EQ(verdict(R"({"data": "d", "nested": {"a": 1}})"), "/nested/a: unknown field 'a'\n");
  EXPECT_EQ(verdict(R"({"anything": 1})", json{{"type", "object"}}), "");
  EXPECT_EQ(verdict(R"({"data": "d", "labels": {"x": "y", "n": 1}})"),
            "/labels/n: expected text, got 1\n");
  EXPECT_EQ(verdict(R"({"data": "d", "nested": {"a/b": 1}})"),
            "/nested/a~1b: expected true or false, got 1\n")
      << "a JSON pointer escapes the slash";
}

TEST(Schema, LetsUnknownValuesPass) {
  auto value = json::parse(R"({"data": "${{ x }}", "epochs": "${{ y }}", "rate": "fast"})");
  const auto is_expression = [](const json& one) {
    return one.is_string() && one.get<std::string>().starts_with("${{");
  };
  const auto problems = validate(kTrain, value, is_expression);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].pointer, "/rate");
}

}  // namespace
}  // namespace scanflow::loader
