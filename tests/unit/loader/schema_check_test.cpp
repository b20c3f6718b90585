// check_schema: is a schema within the subset? And the patterns of the subset.
#include <gtest/gtest.h>

#include "sdk/loader/pattern.hpp"
#include "sdk/loader/schema.hpp"

namespace scanflow::loader {
namespace {

std::string check(const char* text) {
  const auto good = check_schema(json::parse(text));
  return good ? "" : good.error().message;
}

TEST(SchemaCheck, AcceptsTheSubset) {
  EXPECT_EQ(check(R"({"type": "object", "title": "t", "x-artifacts": {"m": "weights"},
                      "properties": {"a": {"type": ["array", "null"], "items": {"enum": [1, "x"]},
                                           "minItems": 0, "default": [1]}},
                      "required": ["a"], "additionalProperties": {"type": "string",
                      "pattern": "^[a-z]$", "minLength": 1, "maxLength": 1}})"),
            "");
}

TEST(SchemaCheck, NamesWhatIsOutside) {
  EXPECT_EQ(check(R"({"propertys": {}})"),
            "/: keyword 'propertys' is outside the subset of JSON Schema; did you mean "
            "'properties'? (sdk/abi/README.md lists the subset)");
  EXPECT_EQ(check(R"({"type": "int"})"),
            "/: 'type' must be a type name or a list of them, not \"int\"");
  EXPECT_EQ(check(R"({"properties": {"a": {"minLength": -1}}})"),
            "/properties/a: 'minLength' must be a count, not -1");
  EXPECT_EQ(check(R"({"properties": {"a": {}}, "required": ["b"]})"),
            "/: 'required' names 'b', which 'properties' does not have");
  EXPECT_EQ(check(R"({"items": []})"), "/: 'items' must be a schema, not []");
  EXPECT_EQ(check(R"({"enum": []})"), "/: 'enum' must be a list with at least one value, not []");
  EXPECT_EQ(check(R"({"pattern": "(a|b)+"})"),
            "/: 'pattern' must be character classes between ^ and $, as in ^[a-z][a-z0-9_-]*$, not "
            "\"(a|b)+\"");
  EXPECT_EQ(check("[]"), "/: a schema must be a JSON object");
  EXPECT_EQ(check(R"({"items": {"type": "string", "default": 1}})"),
            "/items: the default 1 is not valid: expected text, got 1");
}

TEST(SchemaCheck, BoundsDepth) {
  std::string text = "{}";
  for (int i = 0; i < 40; ++i) text.insert(0, R"({"items": )").append("}");
  EXPECT_NE(check(text.c_str()).find("nested deeper than 32"), std::string::npos);
}

bool matches(const char* pattern, std::string_view text) {
  const auto parsed = Pattern::parse(pattern);
  EXPECT_TRUE(parsed) << pattern;
  return parsed && parsed->matches(text);
}

TEST(Pattern, MatchesTheWholeText) {
  EXPECT_TRUE(matches("^[a-z][a-z0-9_-]*$", "a-b_9"));
  EXPECT_FALSE(matches("^[a-z][a-z0-9_-]*$", "9a"));
  EXPECT_FALSE(matches("^[a-z]+$", "abc!"));
  EXPECT_TRUE(matches("^v[0-9]{1,3}\\.[0-9]+$", "v12.0"));
  EXPECT_FALSE(matches("^v[0-9]{1,3}\\.[0-9]+$", "v1234.0"));
  EXPECT_TRUE(matches("^a?b{2}c{1,}$", "bbccc"));
  EXPECT_TRUE(matches("^$", ""));
}

TEST(Pattern, TakesBoundedTime) {
  // Backtracking would need 2^n steps.
  EXPECT_FALSE(matches("^a*a*a*a*a*a*a*a*b$", std::string(300, 'a')));
}

TEST(Pattern, RefusesTheRest) {
  for (const char* text : {"abc", "^a", "^(a)$", "^a|b$", "^.$", "^[^a]$", "^[z-a]$", "^[]$",
                           "^a{2,1}$", "^a{x}$", "^\\d$", "^[a$", "^+$"}) {
    EXPECT_FALSE(Pattern::parse(text)) << text;
  }
}

}  // namespace
}  // namespace scanflow::loader
