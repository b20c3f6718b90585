#include "tests/lint/names_rule.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

namespace scanflow::lint {
namespace {

TEST(NamesRule, HoldsInThisTree) {
  const auto all = names_twice(read_tree(SCANFLOW_SOURCE_DIR));
  EXPECT_TRUE(all.empty()) << fmt::format("{}", fmt::join(all, "\n"));
}

/// A file whose anonymous namespace holds this.
std::string holding(const std::string& what) {
  return "namespace a {\nnamespace {\n\n" + what +
         "\n}  // namespace\n\nint shared(int) { return 1; }\n}\n";
}
std::size_t twice(const std::string& one, const std::string& other) {
  return names_twice({{"engine/a/a.cpp", holding(one)}, {"engine/a/b.cpp", holding(other)}}).size();
}

TEST(NamesRule, FindsFunctionsTypesAndConstants) {
  EXPECT_EQ(twice("std::string text_of(int x) {", "bool text_of(const std::string& y);"), 1u);
  EXPECT_EQ(twice("constexpr int kMost = 3;", "constexpr std::array<int, 2> kMost{1, 2};"), 1u);
  EXPECT_EQ(twice("struct Entry {", "class Entry final : public Base {"), 1u);
  EXPECT_EQ(twice("template <class T>\nT take(T x) {", "void take(int x) {"), 1u);
  EXPECT_EQ(twice("int f() { return g(1); }", "int h() {\n  return g(1);\n}"), 0u);
  EXPECT_EQ(names_twice({{"engine/a/a.cpp", holding("int f() {")},
                         {"engine/b/b.cpp", holding("int f() {")}})
                .size(),
            0u)
      << "another folder's";
  EXPECT_EQ(names_twice({{"engine/a/a.cpp", holding("int f();\nint f() {")}}).size(), 0u);
  EXPECT_EQ(names_twice({{"engine/a/a.cpp", holding("int f() {")},
                         {"engine/a/b.cpp", holding("int f() {")}})
                .front(),
            "engine/a/b.cpp:4: f is in the anonymous namespace of engine/a/a.cpp too: give it a "
            "name of its own, or "
            "share it");
}

}  // namespace
}  // namespace scanflow::lint
