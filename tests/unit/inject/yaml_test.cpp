// Text to tree and back: what is written reads as what was read.
#include "engine/inject/yaml.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "engine/inject/json.hpp"
#include "engine/inject/scalar.hpp"
#include "tests/unit/inject/support.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;

json value_of(const std::string& text) {
  Node node;
  node.kind = NodeKind::scalar;
  node.plain = true;
  node.text = text;
  return scalar_value(node);
}

TEST(Scalar, MeansWhatKubernetesReads) {
  for (const auto& [text, value] : std::vector<std::pair<std::string, json>>{
           {"yes", true},
           {"y", true},
           {"Off", false},
           {"NO", false},
           {"True", true},
           {"tRue", "tRue"},
           {"null", nullptr},
           {"~", nullptr},
           {"12", 12},
           {"-12", -12},
           {"+12", 12},
           {"014", 12},
           {"0o14", 12},
           {"0x1F", 31},
           {"0b101", 5},
           {"-0x10", -16},
           {"1_000", 1000},
           {"089", 89.0},
           {"1e3", 1000.0},
           {"1.10", 1.1},
           {".5", 0.5},
           {"+.5", 0.5},
           {"1.", 1.0},
           {"1e", "1e"},
           {"1.2.3", "1.2.3"},
           {"1:30", "1:30"},
           {"2026-01-01", "2026-01-01"},
           {".inf", ".inf"},
           {"-", "-"},
           {"0x", "0x"},
           {"12Mi", "12Mi"},
           {"1e400", "1e400"},
           {"0", 0},
           {"-0", 0},
           {"word", "word"},
           {"18446744073709551615", 18446744073709551615ULL},
           {"-9223372036854775808", std::numeric_limits<std::int64_t>::min()},
           {"18446744073709551616", 18446744073709551616.0}}) {
    EXPECT_EQ(value_of(text), value) << text;
    EXPECT_EQ(value_of(text).type(), value.type()) << text;
  }
}

/// Every kind of string, as value, as key, and in a list.
TEST(Yaml, TextSurvives) {
  const std::vector<std::string> pieces = {"a",
                                           "b c",
                                           " ",
                                           "\n",
                                           "\t",
                                           ":",
                                           "#",
                                           "-",
                                           "'",
                                           "\"",
                                           "\\",
                                           "{",
                                           "}",
                                           "[",
                                           "]",
                                           ",",
                                           "&",
                                           "*",
                                           "!",
                                           "|",
                                           ">",
                                           "%",
                                           "@",
                                           "`",
                                           "?",
                                           "=",
                                           "~",
                                           "null",
                                           "yes",
                                           "1",
                                           "0x1",
                                           ".5",
                                           "é",
                                           "日",
                                           "🎉",
                                           "\r",
                                           "\x01",
                                           "\x7f",
                                           "\xc2\x85",
                                           "\xe2\x80\xa8",
                                           "\xef\xbb\xbf",
                                           "---",
                                           "...",
                                           "<<",
                                           "\n\n",
                                           "  x",
                                           ": ",
                                           " #",
                                           "- "};
  std::mt19937 random(7);  // NOLINT: the same each time
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (std::size_t left = random() % 6; left > 0; --left)
      text += pieces[random() % pieces.size()];
    const json object = {{"value", text}, {"k" + text, json::array({text, json::array({text})})}};
    const std::string yaml = write_yaml(from_json(object));
    const auto read = read_yaml(yaml);
    ASSERT_TRUE(read) << read.error().message << "\n" << yaml;
    ASSERT_EQ(to_json(*read), object) << yaml;
    const auto as_json = read_json(write_json(*read));
    ASSERT_TRUE(as_json) << as_json.error().message;
    ASSERT_EQ(to_json(*as_json), object);
  }
}

TEST(Yaml, StructureSurvives) {
  for (const char* text :
       {R"({})", R"([])", R"([[]])", R"([[1, [2, {}]], {"a": []}])", R"({"a": {"b": {"c": [1]}}})",
        R"([{"a": 1, "b": [{"c": 2}]}])", R"(null)", R"("text")", R"({"a": null})", R"([null])"}) {
    const json value = json::parse(text);
    const std::string yaml = write_yaml(from_json(value));
    const auto read = read_yaml(yaml);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(to_json(*read), value) << yaml;
  }
}

TEST(Yaml, AnchorsAndMergesAreWrittenOut) {
  const auto read = read_yaml(
      "base: &b {x: 1, y: 2}\n"
      "one: {<<: *b, y: 3}\n"
      "two: {y: 4, <<: [{z: 5}, *b]}\n"
      "three: {\"<<\": *b}\n"
      "four: *b\n");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(to_json(*read), json::parse(R"({"base": {"x": 1, "y": 2}, "one": {"x": 1, "y": 3},
    "two": {"x": 1, "y": 4, "z": 5}, "three": {"<<": {"x": 1, "y": 2}}, "four": {"x": 1, "y": 2}})"));
}

TEST(Yaml, TagsStay) {
  const auto read =
      read_yaml("a: !!binary aGk=\nb: !own {c: !!int \"3\"}\nd: [!own [1]]\ne: !!str 1\n");
  ASSERT_TRUE(read);
  EXPECT_EQ(write_yaml(*read),
            "a: !!binary \"aGk=\"\nb: !own\n  c: !!int \"3\"\nd:\n- !own\n  - 1\ne: \"1\"\n");
}

struct Bad {
  std::string text, error;
};

TEST(Yaml, ErrorsSayWhere) {
  std::string deep, bomb = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n";
  for (int i = 0; i < 200; ++i) deep += "- ";
  for (char c = 'b'; c <= 'h'; ++c) {
    const char last = static_cast<char>(c - 1);
    bomb += fmt::format("{0}: &{0} [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]\n", c, last);
  }
  for (const Bad& bad :
       std::vector<Bad>{{"a: [1\nb: 2\n", "6:2: not valid YAML"},
                        {"a:\n\tb: 1\n", "6:3: not valid YAML"},
                        {"a: 1\na: 2\n", "6:1: the key 'a' is there twice: remove or rename one"},
                        {"{a: 1, \"a\": 2}", "5:8: the key 'a' is there twice"},
                        {"? [a]\n: 1\n", "5:3: a key must be text"},
                        {"a: &x [*x]\n", "5:8: this alias stands inside what it names"},
                        {"a: *x\n", "5:4: not valid YAML"},
                        {"a: {<<: 1}\n", "5:4: '<<' takes a map, or a list of maps"},
                        {deep, "5:201: nested deeper than 100 levels"},
                        {bomb, "aliases that stand for more than 200000 values"}}) {
    const auto read = read_yaml(bad.text, 5);
    ASSERT_FALSE(read) << bad.text;
    EXPECT_THAT(read.error().message, testing::HasSubstr(bad.error)) << bad.text.substr(0, 80);
  }
}

TEST(Json, ErrorsSayWhere) {
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "[";
  for (const Bad& bad : std::vector<Bad>{{"{\"a\": 1,\n \"b\" 2}", "4:6: not valid JSON"},
                                         {"{\"a\": 1, \"a\": 2}", "the key 'a' is there twice"},
                                         {"{\"a\": ", "3:7: not valid JSON"},
                                         {deep, "nested deeper than 100 levels"}}) {
    const auto read = read_json(bad.text, 3);
    ASSERT_FALSE(read) << bad.text;
    EXPECT_THAT(read.error().message, testing::HasSubstr(bad.error)) << bad.text;
  }
}

TEST(Json, NumbersKeepTheirDigits) {
  const auto read =
      read_json(R"({"a": 1.0, "b": 1E3, "c": 123456789012345678901234567890, "d": -5})");
  ASSERT_TRUE(read);
  EXPECT_EQ(write_json(*read),
            "{\n    \"a\": 1.0,\n    \"b\": 1E3,\n    \"c\": 123456789012345678901234567890,\n"
            "    \"d\": -5\n}\n");
}

}  // namespace
}  // namespace scanflow::inject
