#include "engine/infer/flow.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/infer/tensors.hpp"

namespace scanflow::infer {
namespace {

using test::floats;
using test::ints;
using test::values;
using testing::ElementsAre;

Flow flow(std::vector<FlowNode> nodes) {
  auto made = Flow::make(std::move(nodes));
  if (!made) throw std::runtime_error(made.error().message);
  return std::move(*made);
}

std::vector<std::string> names(const std::vector<Tensor>& tensors) {
  std::vector<std::string> list;
  for (const Tensor& tensor : tensors) list.push_back(tensor.name);
  return list;
}

std::string problem(std::vector<FlowNode> nodes) {
  const auto made = Flow::make(std::move(nodes));
  return made ? "" : made.error().message;
}

TEST(FlowTest, WhatCannotBeAGraphIsRefused) {
  EXPECT_EQ(problem({}), "the graph has no nodes");
  EXPECT_EQ(problem({{"a", NodeType::model, {}}, {"a", NodeType::model, {}}}),
            "two nodes are called 'a'");
  EXPECT_EQ(problem({{"pre", NodeType::transformer, {}}, {"cnn", NodeType::model, {"prre"}}}),
            "the node 'cnn' needs 'prre', which is not in the graph; did you mean 'pre'?");
  EXPECT_EQ(problem({{"a", NodeType::model, {"b"}}, {"b", NodeType::model, {"a"}}}),
            "the nodes need each other in a circle: a needs b needs a");
}

TEST(FlowTest, AChainHandsOnWhatEachGives) {
  const Flow chain = flow({{"pre", NodeType::transformer, {}}, {"cnn", NodeType::model, {"pre"}}});
  Passage passage(chain, {floats("x", {1}, {1})});
  EXPECT_THAT(passage.take_ready(), ElementsAre(0));
  EXPECT_THAT(passage.take_ready(), ElementsAre()) << "only once";
  EXPECT_THAT(names(passage.inputs_of(0)), ElementsAre("x"));
  ASSERT_TRUE(passage.done(0, {floats("image", {1}, {2})}));
  EXPECT_FALSE(passage.finished());
  EXPECT_THAT(passage.take_ready(), ElementsAre(1));
  EXPECT_THAT(names(passage.inputs_of(1)), ElementsAre("image"));
  ASSERT_TRUE(passage.done(1, {ints("digit", {1}, {7})}));
  EXPECT_TRUE(passage.finished());
  EXPECT_THAT(names(passage.result()), ElementsAre("digit"));
}

TEST(FlowTest, ARouterChoosesABranchAndACombinerTakesWhatCame) {
  const Flow routed = flow({{"ab", NodeType::router, {}},
                            {"a", NodeType::model, {"ab"}},
                            {"b", NodeType::model, {"ab"}},
                            {"mean", NodeType::combiner, {"a", "b"}}});
  Passage one(routed, {floats("x", {1}, {1})});
  one.take_ready();
  ASSERT_TRUE(one.done(0, {ints("route", {1}, {1})}));
  EXPECT_THAT(one.take_ready(), ElementsAre(2));
  EXPECT_THAT(names(one.inputs_of(2)), ElementsAre("x")) << "a router hands on what it got";
  ASSERT_TRUE(one.done(2, {floats("y", {1}, {2})}));
  EXPECT_THAT(one.take_ready(), ElementsAre(3));
  EXPECT_THAT(names(one.inputs_of(3)), ElementsAre("b.y"));

  Passage all(routed, {floats("x", {1}, {1})});
  all.take_ready();
  ASSERT_TRUE(all.done(0, {ints("route", {1}, {-1})}));
  EXPECT_THAT(all.take_ready(), ElementsAre(1, 2));
  ASSERT_TRUE(all.done(1, {floats("y", {1}, {2})}));
  EXPECT_THAT(all.take_ready(), ElementsAre()) << "a combiner waits for all that come";
  ASSERT_TRUE(all.done(2, {floats("y", {1}, {3})}));
  all.take_ready();
  EXPECT_THAT(names(all.inputs_of(3)), ElementsAre("a.y", "b.y"));
}

TEST(FlowTest, SkippedBranchesTakeTheirsWithThem) {
  const Flow deep = flow({{"ab", NodeType::router, {}},
                          {"a", NodeType::model, {"ab"}},
                          {"b", NodeType::model, {"ab"}},
                          {"after", NodeType::transformer, {"b"}}});
  Passage passage(deep, {floats("x", {1}, {1})});
  passage.take_ready();
  ASSERT_TRUE(passage.done(0, {ints("route", {1}, {0})}));
  passage.take_ready();
  ASSERT_TRUE(passage.done(1, {floats("y", {1}, {2})}));
  EXPECT_TRUE(passage.finished());
  EXPECT_THAT(names(passage.result()), ElementsAre("y"));
}

TEST(FlowTest, ARouteThatLeadsNowhereIsAProblem) {
  const Flow routed = flow({{"ab", NodeType::router, {}}, {"a", NodeType::model, {"ab"}}});
  for (const auto& [outputs, said] : std::vector<std::pair<std::vector<Tensor>, const char*>>{
           {{ints("route", {1}, {1})},
            "the router 'ab' chose branch 1; it has 1 (-1: all of them)"},
           {{ints("route", {1}, {-2})},
            "the router 'ab' chose branch -2; it has 1 (-1: all of them)"},
           {{floats("route", {1}, {0})},
            "the router 'ab' gave no output 'route' of INT64 and shape [1]"}}) {
    Passage passage(routed, {});
    passage.take_ready();
    const auto done = passage.done(0, outputs);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().status, 500);
    EXPECT_EQ(done.error().message, said);
  }
}

TEST(FlowTest, ADetectorAddsToTheAnswerAndHandsOnWhatItGot) {
  const Flow watched =
      flow({{"odd", NodeType::outlier_detector, {}}, {"cnn", NodeType::model, {"odd"}}});
  Passage passage(watched, {floats("x", {1}, {1})});
  passage.take_ready();
  ASSERT_TRUE(passage.done(0, {floats("score", {1}, {0.5})}));
  passage.take_ready();
  EXPECT_THAT(names(passage.inputs_of(1)), ElementsAre("x"));
  ASSERT_TRUE(passage.done(1, {ints("digit", {1}, {7})}));
  EXPECT_THAT(names(passage.result()), ElementsAre("digit", "odd.score"));

  const Flow beside = flow({{"cnn", NodeType::model, {}}, {"odd", NodeType::outlier_detector, {}}});
  Passage two(beside, {floats("x", {1}, {1})});
  EXPECT_THAT(two.take_ready(), ElementsAre(0, 1));
  ASSERT_TRUE(two.done(1, {floats("score", {1}, {0.5})}));
  ASSERT_TRUE(two.done(0, {ints("digit", {1}, {7})}));
  EXPECT_THAT(names(two.result()), ElementsAre("digit", "odd.score")) << "beside the model as well";
}

TEST(FlowTest, SeveralEndsKeepTheirNames) {
  const Flow two = flow({{"a", NodeType::model, {}}, {"b", NodeType::model, {}}});
  Passage passage(two, {});
  passage.take_ready();
  ASSERT_TRUE(passage.done(0, {ints("y", {1}, {1})}));
  ASSERT_TRUE(passage.done(1, {ints("y", {1}, {2})}));
  EXPECT_THAT(names(passage.result()), ElementsAre("a.y", "b.y"));
}

}  // namespace
}  // namespace scanflow::infer
