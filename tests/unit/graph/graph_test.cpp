#include "engine/graph/graph.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

namespace scanflow::graph {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// a(0) <- b(1), c(2) <- d(3)
Graph diamond() { return Graph::build({{}, {0}, {0}, {1, 2}}); }

TEST(Graph, KnowsNeedsAndDependents) {
  const Graph graph = diamond();
  ASSERT_EQ(graph.size(), 4u);
  EXPECT_THAT(graph.needs(3), ElementsAre(1, 2));
  EXPECT_THAT(graph.needs(0), IsEmpty());
  EXPECT_THAT(graph.dependents(0), ElementsAre(1, 2));
  EXPECT_THAT(graph.dependents(3), IsEmpty());
}

TEST(Graph, EmptyHasNothing) {
  EXPECT_EQ(Graph().size(), 0u);
  const Graph graph = Graph::build({});
  EXPECT_EQ(graph.size(), 0u);
  EXPECT_THAT(find_cycle(graph), IsEmpty());
  EXPECT_THAT(topological_order(graph), IsEmpty());
}

TEST(Graph, NeedWrittenTwiceIsOneEdge) {
  const Graph graph = Graph::build({{}, {0, 0}, {1, 0, 1}});
  EXPECT_THAT(graph.needs(1), ElementsAre(0));
  EXPECT_THAT(graph.needs(2), ElementsAre(1, 0));
  EXPECT_THAT(graph.dependents(0), ElementsAre(1, 2));
}

TEST(Graph, RefusesNeedOutOfRange) { EXPECT_THROW(Graph::build({{1}}), std::out_of_range); }

TEST(FindCycle, NamesEachNodeOnceInTheOrderOfNeeds) {
  // 0 is outside; 1 needs 3, 3 needs 2, 2 needs 1.
  const Graph graph = Graph::build({{1}, {3}, {1}, {2}});
  const std::vector<Node> cycle = find_cycle(graph);
  ASSERT_EQ(cycle.size(), 3u);
  for (std::size_t i = 0; i < cycle.size(); ++i) {
    EXPECT_THAT(graph.needs(cycle[i]), testing::Contains(cycle[(i + 1) % cycle.size()]));
  }
  EXPECT_THAT(cycle, testing::UnorderedElementsAre(1, 2, 3));
}

TEST(FindCycle, SeesANodeThatNeedsItself) {
  EXPECT_THAT(find_cycle(Graph::build({{}, {0, 1}})), ElementsAre(1));
}

TEST(FindCycle, FindsNoneInADiamond) { EXPECT_THAT(find_cycle(diamond()), IsEmpty()); }

TEST(TopologicalOrder, BreaksTiesByNumber) {
  // 0 needs 3; 1 and 2 need nothing.
  EXPECT_THAT(topological_order(Graph::build({{3}, {}, {}, {}})), ElementsAre(1, 2, 3, 0));
}

TEST(TopologicalOrder, ThrowsOnACycle) {
  const Graph graph = Graph::build({{1}, {0}});
  EXPECT_THROW(topological_order(graph), std::logic_error);
  EXPECT_THROW(critical_path(graph, std::vector<double>{1, 1}), std::logic_error);
}

TEST(CriticalPath, IsTheHeaviestWayToAnEnd) {
  const std::vector<double> weight{1, 5, 2, 3};
  EXPECT_THAT(critical_path(diamond(), weight), ElementsAre(9, 8, 5, 3));
}

TEST(Ancestors, AreAllThatIsNeededDirectlyOrNot) {
  const Graph graph = diamond();
  EXPECT_THAT(ancestors(graph, 3), ElementsAre(0, 1, 2));
  EXPECT_THAT(ancestors(graph, 0), IsEmpty());
}

TEST(Graph, LongChainsNeedNoDeepStack) {
  constexpr Node kLength = 200'000;
  std::vector<std::vector<Node>> needs(kLength);
  for (Node n = 1; n < kLength; ++n) needs[n] = {n - 1};
  const Graph graph = Graph::build(needs);
  EXPECT_THAT(find_cycle(graph), IsEmpty());
  EXPECT_EQ(critical_path(graph, std::vector<double>(kLength, 1)).front(), kLength);
  EXPECT_EQ(topological_order(graph).back(), kLength - 1);
  EXPECT_EQ(ancestors(graph, kLength - 1).size(), kLength - 1);
}

// The three agree on random graphs: an order exists exactly where no cycle is found.
TEST(Graph, OrderAndCycleAgreeOnRandomGraphs) {
  std::mt19937 random(7);
  int with_cycle = 0;
  for (int round = 0; round < 300; ++round) {
    const Node size = 1 + random() % 12;
    std::vector<std::vector<Node>> needs(size);
    for (Node n = 0; n < size; ++n) {
      for (int i = 0; i < 2; ++i) {
        if (random() % 3 == 0) needs[n].push_back(random() % size);
      }
    }
    const Graph graph = Graph::build(needs);
    if (const auto cycle = find_cycle(graph); !cycle.empty()) {
      ++with_cycle;
      for (std::size_t i = 0; i < cycle.size(); ++i) {
        EXPECT_THAT(graph.needs(cycle[i]), testing::Contains(cycle[(i + 1) % cycle.size()]));
      }
      EXPECT_THROW(topological_order(graph), std::logic_error);
      continue;
    }
    const std::vector<Node> order = topological_order(graph);
    std::vector<std::size_t> place(size);
    for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
    for (Node n = 0; n < size; ++n) {
      for (const Node need : graph.needs(n)) EXPECT_LT(place[need], place[n]);
    }
  }
  EXPECT_GT(with_cycle, 30);
  EXPECT_LT(with_cycle, 270);
}

}  // namespace
}  // namespace scanflow::graph
