#include "engine/cli/graph_view.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "engine/cli/pipe_program.hpp"

namespace scanflow::cli {
namespace {

using pipeline::json;
using pipeline::Phase;

/// load-data -> train[cnn1], train[cnn2] -> evaluate (also needs load-data) -> register; report.
GraphView mnist() {
  return {
      "mnist-train",
      "mnist-datascience",
      {{"load-data", "load-data", "mnist.load", Phase::main, {}, nullptr, "", ""},
       {"train[model=cnn1]", "train", "torch.train", Phase::main, {0}, {{"model", "cnn1"}}, "", ""},
       {"train[model=cnn2]", "train", "torch.train", Phase::main, {0}, {{"model", "cnn2"}}, "", ""},
       {"evaluate", "evaluate", "torch.evaluate", Phase::main, {0, 1, 2}, nullptr, "", ""},
       {"register", "register", "model.register", Phase::main, {3}, nullptr, "${{ x > 0.9 }}", ""},
       {"report", "report", "report.html", Phase::on_exit, {}, nullptr, "", ""}}};
}

GraphView fan(int width) {
  GraphView view{"wide", "", {}};
  for (int i = 0; i < width; ++i) {
    view.nodes.push_back({"t[i=" + std::to_string(i) + "]",
                          "t",
                          "noop",
                          Phase::main,
                          {},
                          json{{"i", i}},
                          "",
                          i == 0 ? "failed" : "succeeded"});
  }
  return view;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(GraphText, ShowsATreeWithGroupsConditionsAndHandlers) {
  EXPECT_EQ(graph_text(mnist()),
            "mnist-train  mnist-datascience  6 steps\n"
            "  ● load-data          mnist.load\n"
            "  └─ ● train [2]       torch.train     model=cnn1, cnn2\n"
            "     └─ ● evaluate     torch.evaluate  also after load-data\n"
            "        └─ ● register  model.register  when ${{ x > 0.9 }}\n"
            "\n"
            "on exit\n"
            "  ● report  report.html\n");
}

TEST(GraphText, ShowsStatuses) {
  GraphView view = mnist();
  for (auto& node : view.nodes) node.status = "succeeded";
  view.nodes[2].status = "failed";
  view.nodes[3].status = "pending";
  const std::string text = graph_text(view);
  EXPECT_TRUE(has(text, "✓ load-data")) << text;
  EXPECT_TRUE(has(text, "✗ train [2]")) << text;
  EXPECT_TRUE(has(text, "1 failed, 1 succeeded")) << text;
  EXPECT_TRUE(has(text, "○ evaluate")) << text;
  EXPECT_TRUE(has(graph_text(view, {.color = true}), "\x1b[31m✗\x1b[0m train [2]"));
}

TEST(GraphText, PlainAsciiOnRequest) {
  const std::string text = graph_text(mnist(), {.unicode = false});
  for (const char c : text) ASSERT_LT(static_cast<unsigned char>(c), 0x80) << text;
  EXPECT_TRUE(has(text, "`- * train [2]")) << text;
}

TEST(GraphText, DeepChainsBecomeLayers) {
  GraphView view{"deep", "", {}};
  for (std::uint32_t i = 0; i < 2000; ++i) {
    view.nodes.push_back({"s" + std::to_string(i), "s" + std::to_string(i), "noop", Phase::main,
                          i == 0 ? std::vector<std::uint32_t>{} : std::vector<std::uint32_t>{i - 1},
                          nullptr, "", ""});
  }
  const std::string text = graph_text(view);
  EXPECT_TRUE(has(text, "2000  ● s1999")) << text.substr(text.size() - 200);
  EXPECT_TRUE(has(text, "after s1998"));
}

TEST(GraphText, NamesCannotWriteToTheTerminal) {
  GraphView view{"a\x1b[2Jb", "", {{"x\ny", "x\ny", "noop\x7f", Phase::main, {}, nullptr, "", ""}}};
  const std::string text = graph_text(view);
  EXPECT_FALSE(has(text, "\x1b")) << text;
  EXPECT_TRUE(has(text, "x?y")) << text;
}

TEST(Group, KeepsAFewInstancesApartAndGroupsMany) {
  EXPECT_EQ(group_instances(mnist(), 6).size(), 6u);
  const auto groups = group_instances(fan(40), 6);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0].node.id, "t [40]");
  EXPECT_EQ(groups[0].count, 40u);
  EXPECT_EQ(groups[0].axes, "i=0, 1, 2, 3, 4, 5, … 34 more");
  EXPECT_EQ(groups[0].node.status, "1 failed, 39 succeeded");
}

TEST(GraphDot, HasNodesEdgesAndClusters) {
  const std::string dot = graph_dot(mnist());
  EXPECT_TRUE(has(dot, "n0 -> n1;")) << dot;
  EXPECT_TRUE(has(dot, "n2 -> n3;")) << dot;
  EXPECT_TRUE(has(dot, "subgraph cluster_on_exit {")) << dot;
  EXPECT_TRUE(has(dot, "n4 -> n5 [style=invis];")) << dot;
}

TEST(GraphDot, EscapesNames) {
  GraphView view{R"(a"b\)", "", {{"x\"];evil", "x", "u", Phase::main, {}, nullptr, "", ""}}};
  const std::string dot = graph_dot(view);
  EXPECT_TRUE(has(dot, R"(digraph "a\"b\\" {)")) << dot;
  EXPECT_TRUE(has(dot, R"(label="x\"];evil\nu")")) << dot;
}

TEST(GraphMermaid, HasNodesEdgesSectionsAndClasses) {
  GraphView view = mnist();
  view.nodes[0].status = "succeeded";
  const std::string text = graph_mermaid(view);
  EXPECT_TRUE(has(text, "flowchart TD\n")) << text;
  EXPECT_TRUE(has(text, "n0[\"<b>load-data</b><br>mnist.load<br>succeeded\"]:::succeeded\n"))
      << text;
  EXPECT_TRUE(has(text, "n0 --> n1\n")) << text;
  EXPECT_TRUE(has(text, "subgraph on_exit [\"on exit\"]\n    n5[")) << text;
  EXPECT_TRUE(has(text, "classDef succeeded fill:")) << text;
}

TEST(GraphMermaid, EscapesNames) {
  GraphView view{"t", "", {{"<script>\"#", "x", "u", Phase::main, {}, nullptr, "", ""}}};
  const std::string text = graph_mermaid(view);
  EXPECT_TRUE(has(text, "#60;script#62;#34;#35;")) << text;
  EXPECT_FALSE(has(text, "<script>")) << text;
}

TEST(GraphSvg, IsDrawnByGraphviz) {
  if (!pipe_program({"dot", "-V"}, "")) GTEST_SKIP() << "Graphviz is not installed";
  const auto svg = graph_svg(mnist());
  ASSERT_TRUE(svg) << svg.error().message;
  EXPECT_TRUE(has(*svg, "<svg")) << *svg;
  EXPECT_TRUE(has(*svg, "train[model=cnn1]")) << *svg;
}

TEST(GraphSvg, SaysHowToGetGraphviz) {
  const char* given = std::getenv("PATH");
  const std::string path = given == nullptr ? "" : given;
  ASSERT_EQ(setenv("PATH", "/nonexistent", 1), 0);
  const auto svg = graph_svg(mnist());
  setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(svg);
  EXPECT_TRUE(has(svg.error().message, "'dot' is not on PATH")) << svg.error().message;
  EXPECT_TRUE(has(svg.error().message, "apt-get install graphviz")) << svg.error().message;
}

TEST(PipeProgram, PassesMoreThanAPipeHolds) {
  const std::string input(1 << 20, 'x');
  const auto piped = pipe_program({"cat"}, input);
  ASSERT_TRUE(piped) << piped.error().message;
  EXPECT_EQ(piped->exit_code, 0);
  EXPECT_EQ(piped->output, input);
}

TEST(PipeProgram, KeepsExitCodeAndErrors) {
  const auto piped = pipe_program({"sh", "-c", "echo no >&2; exit 3"}, "");
  ASSERT_TRUE(piped) << piped.error().message;
  EXPECT_EQ(piped->exit_code, 3);
  EXPECT_EQ(piped->errors, "no\n");
}

}  // namespace
}  // namespace scanflow::cli
