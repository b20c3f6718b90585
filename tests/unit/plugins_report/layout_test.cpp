#include "plugins/steps/report/layout.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "plugins/steps/report/dag.hpp"
#include "tests/unit/plugins_report/sample.hpp"

namespace scanflow::report {
namespace {

using Needs = std::vector<std::vector<std::size_t>>;

bool overlap(const Layout& layout, const LayoutOptions& size, std::size_t a, std::size_t b) {
  return std::abs(layout.nodes[a].x - layout.nodes[b].x) < size.node_width &&
         std::abs(layout.nodes[a].y - layout.nodes[b].y) < size.node_height;
}

TEST(Layout, PutsNodesInColumnsByTheLongestPath) {
  EXPECT_EQ(longest_path_layers({{}, {0}, {0}, {0, 1, 2}, {3}}),
            (std::vector<std::size_t>{0, 1, 1, 2, 3}));
}

TEST(Layout, KeepsNodesApartAndInsideThePicture) {
  const Needs needs = {{}, {}, {0, 1}, {0}, {1}, {2, 3}, {3, 4, 0}, {5, 6}, {0}, {7, 8}};
  const LayoutOptions size;
  const Layout layout = lay_out(needs, size);
  ASSERT_EQ(layout.nodes.size(), needs.size());
  for (std::size_t a = 0; a < needs.size(); ++a) {
    EXPECT_GE(layout.nodes[a].y, -1e-6);
    EXPECT_LE(layout.nodes[a].y + size.node_height, layout.height + 1e-6);
    EXPECT_LE(layout.nodes[a].x + size.node_width, layout.width + 1e-6);
    for (std::size_t b = a + 1; b < needs.size(); ++b) {
      EXPECT_FALSE(overlap(layout, size, a, b)) << a << " and " << b;
    }
  }
}

TEST(Layout, RoutesLongEdgesAroundNodes) {
  // 0 -> 1 -> 2 and 0 -> 2: the long edge must not pass through node 1.
  const LayoutOptions size;
  const Layout layout = lay_out({{}, {0}, {1, 0}}, size);
  for (const Route& route : layout.routes) {
    if (route.from != 0 || route.to != 2) continue;
    ASSERT_EQ(route.points.size(), 4u);
    const double y = route.points[1].y;
    EXPECT_TRUE(y < layout.nodes[1].y || y > layout.nodes[1].y + size.node_height)
        << y << " passes node 1 at " << layout.nodes[1].y;
    return;
  }
  FAIL() << "no route from 0 to 2";
}

TEST(Layout, UncrossesWhatCanBeUncrossed) {
  // 2 needs 1, 3 needs 0: as given the edges cross.
  const Layout layout = lay_out({{}, {}, {1}, {0}}, {});
  EXPECT_EQ(layout.nodes[0].y < layout.nodes[1].y, layout.nodes[3].y < layout.nodes[2].y);
}

TEST(Layout, CentresAFan) {
  const Layout layout = lay_out({{}, {0}, {0}, {0}, {1, 2, 3}}, {});
  EXPECT_NEAR(layout.nodes[0].y, layout.nodes[2].y, 1e-6);
  EXPECT_NEAR(layout.nodes[4].y, layout.nodes[2].y, 1e-6);
}

TEST(Layout, TakesNothing) { EXPECT_TRUE(lay_out({}, {}).nodes.empty()); }

TEST(Dag, GroupsInstancesWhereThereAreTooMany) {
  RunRecord run = parse_run(succeeded_run(), "report");
  EXPECT_EQ(boxes_of(run, "main", 60).size(), 5u);
  const auto boxes = boxes_of(run, "main", 4);
  ASSERT_EQ(boxes.size(), 4u);
  EXPECT_EQ(boxes[1].title, "train [2]");
  EXPECT_EQ(boxes[1].detail, "2 succeeded");
  EXPECT_EQ(boxes[2].needs, (std::vector<std::size_t>{0, 1}));
}

TEST(Dag, SaysWhenItIsTooLarge) {
  RunRecord run;
  for (int i = 0; i < 1000; ++i) {
    Step step;
    step.name = step.base = "s" + std::to_string(i);
    run.steps.push_back(step);
  }
  EXPECT_NE(dag_svg(run).find("1,000 steps are too many"), std::string::npos);
}

}  // namespace
}  // namespace scanflow::report
