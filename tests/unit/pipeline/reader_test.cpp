// From YAML text to the spec.
#include <gtest/gtest.h>

#include "tests/unit/pipeline/support.hpp"

namespace scanflow::pipeline {
namespace {

using test::errors;
using test::read;

constexpr const char* kMnist = R"(apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: mnist-train, namespace: mnist-datascience, labels: {team: datascience}}
params:
  data:   {type: string, default: auto, description: "directory with IDX files, or auto"}
  epochs: {type: int, default: 2, min: 1}
defaults:                       # any step field
  retry: {limit: 2, backoff: {initial: 1s, factor: 2, max: 1m, jitter: 0.2}}
steps:
  - name: load-data
    uses: mnist.load            # a step plugin's id
    with: {path: "${{ params.data }}"}
  - name: train
    needs: [load-data]
    matrix: {model: [cnn1, cnn2]}
    uses: torch.train
    with: {dataset: "${{ steps.load-data.artifacts.train }}", model: "${{ matrix.model }}", epochs: "${{ params.epochs }}"}
    resources: {requests: {cpu: 1, memory: 512Mi}, limits: {memory: 1Gi}}
    timeout: 10m
    cache: {max_age: 30d}       # or true
  - name: evaluate
    needs: [train]
    uses: torch.evaluate
    with: {model: "${{ best(steps.train, 'outputs.validation_accuracy').artifacts.model }}", dataset: "${{ steps.load-data.artifacts.test }}"}
  - name: register
    needs: [evaluate]
    when: "${{ steps.evaluate.outputs.accuracy > 0.9 }}"
    uses: model.register
    with: {name: mnist_cnn, model: "${{ best(steps.train, 'outputs.validation_accuracy').artifacts.model }}"}
on_exit:                        # also on_success, on_failure
  - {name: report, uses: report.html}
)";

TEST(Reader, ReadsTheMainPipeline) {
  const ReadResult result = read_pipeline("train.yaml", kMnist, test::catalog());
  ASSERT_EQ(render(result.errors, kMnist), "");
  const Pipeline& p = *result.pipeline;
  EXPECT_EQ(p.name, "mnist-train");
  EXPECT_EQ(p.name_space, "mnist-datascience");
  EXPECT_EQ(p.labels.at("team"), "datascience");
  ASSERT_EQ(p.params.size(), 2u);
  EXPECT_EQ(p.params[1].default_value, json(2));
  EXPECT_EQ(p.params[1].min, 1.0);
  ASSERT_EQ(p.steps.size(), 5u);
  const Step& train = p.steps[1];
  EXPECT_EQ(train.needs, std::vector<std::string>{"load-data"});
  EXPECT_TRUE(train.with_is_dynamic);
  EXPECT_EQ(train.with["model"], "${{ matrix.model }}");
  EXPECT_EQ(train.resources.memory_request, 512u << 20);
  EXPECT_EQ(train.resources.memory_limit, 1u << 30);
  EXPECT_EQ(train.timeout_us, 600'000'000);
  EXPECT_TRUE(train.cache.enabled);
  EXPECT_EQ(train.cache.max_age_us, 30LL * 86'400'000'000);
  EXPECT_EQ(train.retry.limit, 2u);
  EXPECT_EQ(train.retry.backoff.max_us, 60'000'000);
  EXPECT_EQ(train.field_at.at("/with/epochs").line, 17);
  EXPECT_EQ(p.steps[4].phase, Phase::on_exit);
  EXPECT_EQ(p.steps[4].retry.limit, 2u) << "defaults hold for handlers too";

  const auto plan = make_plan(result.pipeline, {{"epochs", "5"}});
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->params, (json{{"data", "auto"}, {"epochs", 5}}));
  ASSERT_EQ(plan->steps.size(), 6u);
  EXPECT_EQ(plan->steps[2].id, "train[model=cnn2]");
  EXPECT_EQ(plan->graph.needs(3).size(), 2u);
}

}  // namespace
}  // namespace scanflow::pipeline
