// topk.postprocess, router.weighted and combiner.mean: their cores, and through the boundary.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "plugins/steps/serving/round_robin.hpp"
#include "plugins/steps/serving/topk.hpp"
#include "tests/support/step_run.hpp"

namespace scanflow::serving {
namespace {

using nlohmann::json;
using test::StepRun;

template <class T>
loader::Tensor tensor(const std::string& name, loader::DataType type, const loader::Shape& shape,
                      const std::vector<T>& values) {
  const auto owner = std::make_shared<const std::vector<T>>(values);
  return {name, type, shape, std::as_bytes(std::span(*owner)), owner};
}

template <class T>
std::vector<T> values_of(const loader::Tensor& tensor) {
  std::vector<T> values(tensor.data.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

/// One inference of a node.
loader::InferOutcome ask(const char* id, const json& config,
                         const std::vector<loader::Tensor>& inputs) {
  loader::InferOutcome answer;
  StepRun step("serving", id);
  step.with(config).online(
      [&](loader::StepInstance& instance) { answer = instance.infer(inputs); });
  EXPECT_EQ(step.status(), SCANFLOW_OK) << step.error();
  return answer;
}

TEST(TopK, OrdersEachRow) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> scores = {0.1F, 0.7F, 0.2F, 5, nan, 5};
  const TopK top = top_k(scores, 3, 3, false);
  EXPECT_EQ(top.classes, (std::vector<std::int64_t>{1, 2, 0, 0, 2, 1}));
  EXPECT_EQ(top.scores[0], 0.7F);
  EXPECT_TRUE(std::isnan(top.scores[5]));
}

TEST(TopK, SoftmaxOfLargeLogits) {
  const TopK top = top_k(std::vector<float>{1000, 1001}, 2, 2, true);
  EXPECT_NEAR(top.scores[0], 0.7310586, 1e-6);
  EXPECT_NEAR(top.scores[1], 0.2689414, 1e-6);
}

TEST(TopK, OnlineWithLabels) {
  const json config = {{"k", 2}, {"labels", {"cat", "dog", "owl"}}};
  const auto answer =
      ask("topk.postprocess", config,
          {tensor<std::int64_t>("digits", SCANFLOW_INT64, {1}, {1}),
           tensor<float>("probabilities", SCANFLOW_FP32, {1, 3}, {0.2F, 0.1F, 0.7F})});
  ASSERT_TRUE(answer.ok()) << answer.error;
  ASSERT_EQ(answer.tensors.size(), 3U);
  EXPECT_EQ(values_of<std::int64_t>(answer.tensors[0]), (std::vector<std::int64_t>{2, 0}));
  EXPECT_EQ(values_of<float>(answer.tensors[1]), (std::vector<float>{0.7F, 0.2F}));
  EXPECT_EQ(answer.tensors[2].shape, (loader::Shape{1, 2}));
  const auto text = values_of<char>(answer.tensors[2]);
  EXPECT_EQ(std::string(text.begin(), text.end()), std::string("\3\0\0\0owl\3\0\0\0cat", 14));
}

TEST(TopK, ReadsLabelsOfAFile) {
  const test::TempDir directory;
  const auto file = directory.write("labels", "a\r\nb\n");
  const auto scores = tensor<float>("scores", SCANFLOW_FP32, {1, 2}, {1, 2});
  const json config = {{"k", 1}, {"tensor", "scores"}, {"labels_file", file}};
  const auto answer = ask("topk.postprocess", config, {scores});
  ASSERT_EQ(answer.tensors.size(), 3U) << answer.error;
  EXPECT_EQ(values_of<char>(answer.tensors[2]).back(), 'b');
  StepRun missing("serving", "topk.postprocess");
  missing.with({{"labels_file", directory / "none"}}).online([](loader::StepInstance&) { FAIL(); });
  EXPECT_NE(missing.error().find("cannot open: No such file"), std::string::npos)
      << missing.error();
}

TEST(TopK, SaysWhatDoesNotFit) {
  const auto scores = tensor<float>("probabilities", SCANFLOW_FP32, {1, 2}, {1, 2});
  EXPECT_EQ(ask("topk.postprocess", {{"k", 3}}, {scores}).error,
            "k is 3, but the tensor 'probabilities' has only 2 classes: lower k");
  EXPECT_EQ(ask("topk.postprocess", {{"k", 1}, {"labels", {"a"}}}, {scores}).error,
            "there are 1 labels, but the tensor 'probabilities' has 2 classes: give one for each");
  EXPECT_EQ(ask("topk.postprocess", {{"k", 1}, {"tensor", "x"}}, {scores}).error,
            "there is no input 'x'");
}

TEST(Router, SpreadsByWeight) {
  RoundRobin turns({5, 0, 1, 1}, 3);
  std::vector<std::size_t> chosen(4);
  std::size_t longest = 0, same = 0, last = 9;
  for (int i = 0; i < 700; ++i) {
    const std::size_t next = turns.next();
    ++chosen[next];
    same = next == last ? same + 1 : 1;
    last = next;
    longest = std::max(longest, same);
  }
  EXPECT_EQ(chosen, (std::vector<std::size_t>{500, 0, 100, 100}));
  EXPECT_LE(longest, 4U) << "not all five at once";
  EXPECT_EQ(RoundRobin({0, 7}, 1).next(), 1U);
}

TEST(Router, OnlineEachRequestIsRouted) {
  const auto request = tensor<float>("images", SCANFLOW_FP32, {1}, {0});
  StepRun router("serving", "router.weighted");
  router.with({{"weights", {90, 10}}}).online([&](loader::StepInstance& step) {
    std::int64_t second = 0;
    for (int i = 0; i < 100; ++i) {
      const auto answer = step.infer(std::vector{request});
      ASSERT_TRUE(answer.ok()) << answer.error;
      EXPECT_EQ(answer.tensors[0].name, "route");
      EXPECT_EQ(answer.tensors[0].shape, loader::Shape{1});
      second += values_of<std::int64_t>(answer.tensors[0])[0];
    }
    EXPECT_EQ(second, 10);
  });
  EXPECT_EQ(router.status(), SCANFLOW_OK) << router.error();
  StepRun nowhere("serving", "router.weighted");
  nowhere.with({{"weights", {0, 0}}}).online([](loader::StepInstance&) { FAIL(); });
  EXPECT_EQ(nowhere.error(), "all weights are 0, so no request could go anywhere: set one above 0");
}

TEST(Combiner, MeansAndMajorities) {
  const std::vector<loader::Tensor> inputs = {
      tensor<float>("a.probabilities", SCANFLOW_FP32, {1, 2}, {1, 0}),
      tensor<std::int64_t>("a.digits", SCANFLOW_INT64, {2}, {3, 4}),
      tensor<float>("b.probabilities", SCANFLOW_FP32, {1, 2}, {0, 1}),
      tensor<std::int64_t>("b.digits", SCANFLOW_INT64, {2}, {5, 6}),
      tensor<std::int64_t>("c.digits", SCANFLOW_INT64, {2}, {7, 6})};
  const auto equal = ask("combiner.mean", json::object(), inputs);
  ASSERT_TRUE(equal.ok()) << equal.error;
  ASSERT_EQ(equal.tensors.size(), 2U);
  EXPECT_EQ(equal.tensors[0].name, "digits");
  EXPECT_EQ(values_of<std::int64_t>(equal.tensors[0]), (std::vector<std::int64_t>{3, 6}));
  EXPECT_EQ(values_of<float>(equal.tensors[1]), (std::vector<float>{0.5F, 0.5F}));
  const auto weighted = ask("combiner.mean", {{"weights", {{"a", 3}, {"c", 0}}}}, inputs);
  ASSERT_TRUE(weighted.ok()) << weighted.error;
  EXPECT_EQ(values_of<std::int64_t>(weighted.tensors[0]), (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(values_of<float>(weighted.tensors[1]), (std::vector<float>{0.75F, 0.25F}));
}

TEST(Combiner, SaysWhatDoesNotFit) {
  const auto a = tensor<float>("a.y", SCANFLOW_FP32, {1, 2}, {1, 0});
  EXPECT_EQ(
      ask("combiner.mean", json::object(), {a, tensor<float>("b.y", SCANFLOW_FP32, {2}, {1, 0})})
          .error,
      "a.y is FP32 [1,2], but b.y is FP32 [2]: only tensors of one type and shape can be "
      "combined");
  EXPECT_EQ(
      ask("combiner.mean", json::object(), {tensor<float>("y", SCANFLOW_FP32, {1}, {1})}).error,
      "the tensor 'y' is not named NODE.TENSOR: use combiner.mean as a COMBINER, after "
      "several nodes");
  EXPECT_EQ(
      ask("combiner.mean", json::object(), {tensor<std::uint8_t>("a.y", SCANFLOW_UINT8, {1}, {1})})
          .error,
      "a.y is of UINT8, which has neither mean nor majority here: FP32, FP64, INT32 and "
      "INT64 have");
  StepRun negative("serving", "combiner.mean");
  negative.with({{"weights", {{"a", -1}}}}).online([](loader::StepInstance&) { FAIL(); });
  EXPECT_EQ(negative.error(), "weights.a is -1: give a number, 0 or more");
}

}  // namespace
}  // namespace scanflow::serving
