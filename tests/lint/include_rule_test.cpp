#include "tests/lint/include_rule.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace scanflow::lint {
namespace {

std::string first(const Tree& tree) {
  const auto all = violations(tree);
  return all.empty() ? "none" : all.front();
}

TEST(IncludeRule, HoldsInThisTree) {
  const Tree tree = read_tree(SCANFLOW_SOURCE_DIR);
  ASSERT_GT(tree.size(), 20u) << "no sources found under " << SCANFLOW_SOURCE_DIR;
  const auto all = violations(tree);
  EXPECT_TRUE(all.empty()) << fmt::format("{}", fmt::join(all, "\n"));
}

TEST(IncludeRule, TheTableHasNoCycle) { EXPECT_EQ(cycle_in_table(), ""); }

TEST(IncludeRule, FindsAForbiddenArrow) {
  EXPECT_EQ(first({{"engine/graph/graph.cpp", "\n#include \"engine/run/event.hpp\"\n"}}),
            "engine/graph/graph.cpp:2: engine/graph may not include engine/run/event.hpp "
            "(engine/graph may include: sdk/base)");
  EXPECT_NE(first({{"engine/api/a.cpp", "#include \"engine/cli/main.hpp\""}}), "none");
  EXPECT_NE(first({{"sdk/loader/a.cpp", "#include \"engine/graph/graph.hpp\""}}), "none");
  EXPECT_NE(first({{"engine/run/a.cpp", "#include \"tests/support/fake.hpp\""}}), "none");
}

TEST(IncludeRule, AllowsWhatTheTableHas) {
  EXPECT_EQ(first({{"engine/run/a.cpp", "#include \"engine/graph/graph.hpp\""},
                   {"sdk/cpp/include/scanflow/step.hpp", "#include <scanflow/abi/step.h>"},
                   {"engine/cli/main.cpp", "#include \"engine/runtime/engine.hpp\""}}),
            "none");
}

TEST(IncludeRule, RunSeesOnlyTheSpecOfPipeline) {
  EXPECT_EQ(first({{"engine/run/a.cpp", "#include \"engine/pipeline/spec.hpp\""}}), "none");
  EXPECT_NE(first({{"engine/run/a.cpp", "#include \"engine/pipeline/reader.hpp\""}}), "none");
}

TEST(IncludeRule, PluginsSeeTheSdkAndThemselves) {
  EXPECT_EQ(first({{"plugins/steps/a/a.cpp", "#include <scanflow/step.hpp>"},
                   {"plugins/steps/a/b.cpp", "#include \"plugins/steps/a/a.hpp\""},
                   {"plugins/steps/a/c.cpp", "#include \"plugins/common/idx.hpp\""}}),
            "none");
  EXPECT_NE(first({{"plugins/steps/a/a.cpp", "#include \"sdk/base/files.hpp\""}}), "none");
  EXPECT_NE(first({{"plugins/steps/a/a.cpp", "#include \"plugins/steps/b/b.hpp\""}}), "none");
}

TEST(IncludeRule, TheSdkForPluginsSeesNothingOfTheHost) {
  EXPECT_NE(first({{"sdk/abi/include/scanflow/abi/a.h", "#include \"engine/run/event.hpp\""}}),
            "none");
  EXPECT_NE(first({{"sdk/cpp/include/scanflow/a.hpp", "#include \"sdk/base/result.hpp\""}}),
            "none");
}

TEST(IncludeRule, PureFoldersSeeNoEffectsEvenThroughOthers) {
  EXPECT_NE(first({{"engine/run/a.cpp", "#include <boost/asio.hpp>"}}), "none");
  EXPECT_EQ(first({{"engine/runtime/a.cpp", "#include <boost/asio.hpp>"}}), "none");
  const std::string said = first({{"engine/run/a.cpp", "#include \"engine/pipeline/spec.hpp\""},
                                  {"engine/pipeline/spec.hpp", "#include <yaml-cpp/yaml.h>"}});
  EXPECT_EQ(said,
            "engine/pipeline/spec.hpp:1: <yaml-cpp/yaml.h> is banned in engine/run/ (the core is "
            "pure; way: engine/run/a.cpp -> engine/pipeline/spec.hpp)");
  EXPECT_NE(first({{"engine/worker/a.cpp", "#include <torch/torch.h>"}}), "none");
}

TEST(IncludeRule, FindsCyclesAndPathsNotFromTheRoot) {
  EXPECT_NE(first({{"engine/run/a.hpp", "#include \"engine/run/b.hpp\""},
                   {"engine/run/b.hpp", "#include \"engine/run/a.hpp\""}})
                .find("engine/run/a.hpp -> engine/run/b.hpp -> engine/run/a.hpp"),
            std::string::npos);
  EXPECT_NE(first({{"engine/run/a.cpp", "#include \"b.hpp\""}, {"engine/run/b.hpp", ""}})
                .find("write \"engine/run/b.hpp\""),
            std::string::npos);
}

TEST(IncludeRule, ReadsIncludesAsThePreprocessorDoes) {
  const auto found = includes_of(
      "// #include \"a\"\n"
      "/* #include \"b\"\n"
      "#include \"c\"\n"
      "*/\n"
      "#  include <d>  // why\n"
      "#include\t\"e\"\n"
      "#define X \"f\"\n");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].target, "d");
  EXPECT_EQ(found[0].line, 5);
  EXPECT_FALSE(found[0].quoted);
  EXPECT_EQ(found[1].target, "e");
  EXPECT_TRUE(found[1].quoted);
}

TEST(IncludeRule, AnUnknownFolderMustGetALine) {
  EXPECT_NE(first({{"engine/newfolder/a.cpp", ""}}).find("not in the table"), std::string::npos);
}

}  // namespace
}  // namespace scanflow::lint
