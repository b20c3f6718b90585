// YAML text -> tree: values by the core schema, and files that mean harm.
#include <gtest/gtest.h>

#include <ctime>

#include "engine/pipeline/yaml_values.hpp"
#include "tests/unit/pipeline/support.hpp"

namespace scanflow::pipeline {
namespace {

json parsed(const std::string& text) {
  const Source source("test.yaml", text);
  Problems problems(source);
  const YamlDocument document = parse_yaml(source, problems);
  json value = document.roots.size() == 1 ? to_json(*document.roots[0], problems) : json("failed");
  EXPECT_EQ(render(problems.take(), text), "");
  return value;
}

std::string problem(const std::string& text) {
  const std::clock_t begin = std::clock();
  const ReadResult result = read_pipeline("test.yaml", text, test::catalog());
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  EXPECT_LT(seconds, 30) << "too slow for what it is";
  EXPECT_EQ(result.pipeline, nullptr);
  return result.errors.empty() ? "" : result.errors[0].message;
}

std::string repeat(const std::string& text, std::size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Yaml, ValuesFollowTheCoreSchema) {
  EXPECT_EQ(parsed("[null, ~, Null, NULL, , 'null']").dump(),
            R"([null,null,null,null,null,"null"])");
  EXPECT_EQ(parsed("[true, True, TRUE, false, \"true\", tRue]").dump(),
            R"([true,true,true,false,"true","tRue"])");
  EXPECT_EQ(parsed("[yes, no, on, off, y, n]").dump(), R"(["yes","no","on","off","y","n"])");
  EXPECT_EQ(parsed("[1, -2, +3, 0o14, 0x1f, 0xFF, 007]").dump(), "[1,-2,3,12,31,255,7]");
  EXPECT_EQ(parsed("[1e3, -0.5, .5, 5., 1E-2, +1.5]").dump(), "[1000.0,-0.5,0.5,5.0,0.01,1.5]");
  EXPECT_EQ(parsed("[9223372036854775807, -9223372036854775808, 18446744073709551615]").dump(),
            "[9223372036854775807,-9223372036854775808,18446744073709551615]");
  EXPECT_EQ(
      parsed("[2024-01-01, 12:30, 1.2.3, 0b1, 1_000, 0o9, 0xg, -, ., 1e, '3', !!str 3]").dump(),
      R"(["2024-01-01","12:30","1.2.3","0b1","1_000","0o9","0xg","-",".","1e","3","3"])");
}

TEST(Yaml, AliasesAreTheSameOnceMore) {
  EXPECT_EQ(parsed("a: &x {k: [1]}\nb: *x\n").dump(), R"({"a":{"k":[1]},"b":{"k":[1]}})");
}

TEST(Yaml, BlocksAndEscapesAreText) {
  EXPECT_EQ(parsed("a: |\n  one\n  two\nb: \"x\\ty\"\nc: >-\n  3\n").dump(),
            R"({"a":"one\ntwo\n","b":"x\ty","c":"3"})");
}

TEST(Yaml, AByteOrderMarkIsNoContent) { EXPECT_EQ(parsed("\xEF\xBB\xBF[1]").dump(), "[1]"); }

TEST(HostileYaml, ABracketThatNothingOpensEndsIt) {
  for (const char* text : {"]", "}", "a: 1\n---\n}", "[1]]", "- a\n]"})
    EXPECT_NE(problem(text).find("not valid YAML"), std::string::npos) << text;
}

TEST(HostileYaml, NestingEndsAtOnce) {
  const std::size_t size = 1 << 18;
  for (const std::string& text :
       {repeat("[", size), repeat("{", size), repeat("{a: ", size / 4), repeat("- ", size / 2),
        repeat("[\n", size / 2), repeat("? ", size / 2), repeat("[{a: ", size / 5),
        repeat("[", size / 2) + repeat("]", size / 2)}) {
    const std::string said = problem(text);
    EXPECT_TRUE(said.find("nested deeper than 64") != std::string::npos ||
                said.find("not valid YAML") != std::string::npos)
        << text.substr(0, 10) << ": " << said;
  }
  EXPECT_EQ(problem(repeat("[", 1 << 20)), "nested deeper than 64 levels; flatten it");
  std::string indented;
  for (int i = 0; i < 1400; ++i) indented += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  EXPECT_EQ(problem(indented), "nested deeper than 64 levels; flatten it");
}

TEST(HostileYaml, OddTextEndsSoon) {
  const std::size_t size = 1 << 18;
  for (const std::string& text :
       {repeat("&a ", size / 3), repeat("!", size), repeat("\"", size), repeat("a", size),
        repeat("a: ", size / 3), repeat("]", size), repeat(" ", size) + "x", repeat("\n", size),
        repeat("--- a\n", 10000), repeat("#", size), repeat("*a ", 1000), repeat("%", size),
        repeat("é, ", size / 4), repeat("[é, ", 60) + repeat("é, ", size / 4)}) {
    EXPECT_NE(problem(text), "") << text.substr(0, 10);
  }
}

TEST(HostileYaml, SizesAreBounded) {
  EXPECT_NE(problem(std::string((8 << 20) + 1, ' ')).find("8388609 bytes"), std::string::npos);
  std::string aliases = "a: &a 1\nb: [";
  EXPECT_NE(problem(aliases + repeat("*a, ", 1001) + "]").find("more than 1000 aliases"),
            std::string::npos);
  // Aliases that nest values deeper than the limit.
  std::string deep = "- &a0 [x]\n";
  for (int i = 1; i < 100; ++i) {
    deep += "- &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  }
  EXPECT_EQ(problem(deep), "nested deeper than 64 levels; flatten it");
}

TEST(HostileYaml, ManyErrorsAreCut) {
  std::string text = test::pipeline_text("steps:\n");
  for (int i = 0; i < 5000; ++i) text += "  - {name: S, uses: nop}\n";
  const ReadResult result = read_pipeline("test.yaml", text, test::catalog());
  ASSERT_EQ(result.errors.size(), Problems::kMost);
  EXPECT_NE(result.errors.back().notes.back().find("more errors"), std::string::npos);
}

}  // namespace
}  // namespace scanflow::pipeline
