// <scanflow/testing.hpp>: what authors test their plugins with.
#include <gtest/gtest.h>

#include <fstream>
#include <scanflow/testing.hpp>

namespace {

using nlohmann::json;

class Worker : public scanflow::Step {
 public:
  static scanflow::Description describe() { return {.id = "worker", .version = "1.0.0"}; }
  json run(scanflow::Context& context) override {
    std::ofstream(context.scratch() / "note") << "kept apart";
    std::ofstream(context.artifact_file("copy")) << std::ifstream(context.input("data")).rdbuf();
    context.log_metric("loss", 0.5, 1, {{"split", "test"}});
    context.progress(1, "done");
    const auto model = context.register_model({{"name", "m"}});
    return {{"version", model["version"]}, {"run", context.run_state()["run"]}};
  }
};

TEST(Harness, RunsAStepWithAHostInMemory) {
  scanflow::testing::Harness harness;
  std::ofstream(harness.directory() / "in") << "digits";
  const auto result = harness.run<Worker>(
      json::object(),
      {.inputs = {{"data", harness.directory() / "in"}}, .run_state = {{"run", "r"}}});
  ASSERT_TRUE(result.ok()) << result.told.error;
  EXPECT_EQ(result.outputs, (json{{"version", 1}, {"run", "r"}}));
  ASSERT_EQ(result.told.metrics.size(), 1U);
  EXPECT_EQ(result.told.metrics[0].labels.at("split"), "test");
  std::string copied;
  std::ifstream(result.told.artifacts.at("copy")) >> copied;
  EXPECT_EQ(copied, "digits");
  EXPECT_EQ(result.told.progress.at(0).second, "done");
}

TEST(Harness, AMissingInputOrExtensionSaysSo) {
  scanflow::testing::Harness harness;
  EXPECT_EQ(harness.run<Worker>().told.error,
            "the step has no input 'data'; give it an artifact in `with`");
  EXPECT_EQ(harness.run<Worker>(json::object(), {.extensions = false}).told.error,
            "this host does not offer the extension host.artifacts/1, which the step needs; run it "
            "with a host that does");
}

/// Counts its attempts.
class Counter : public scanflow::Step {
 public:
  static scanflow::Description describe() { return {.id = "counter", .version = "1.0.0"}; }
  json run(scanflow::Context& context) override {
    const auto directory = context.checkpoint_directory();
    if (!directory) return {{"attempts", nullptr}};
    int attempts = 0;
    std::ifstream(*directory / "attempts") >> attempts;
    std::ofstream(*directory / "attempts") << ++attempts;
    return {{"attempts", attempts}};
  }
};

TEST(Harness, KeepsCheckpointsFromRunToRun) {
  scanflow::testing::Harness harness;
  EXPECT_EQ(harness.run<Counter>().outputs["attempts"], 1);
  EXPECT_EQ(harness.run<Counter>().outputs["attempts"], 2);
  EXPECT_EQ(harness.run<Counter>(json::object(), {.extensions = false}).outputs["attempts"],
            nullptr);
  EXPECT_EQ(scanflow::testing::Harness().run<Counter>().outputs["attempts"], 1);
}

class Ticker : public scanflow::Trigger {
 public:
  static scanflow::Description describe() { return {.id = "ticker", .version = "1.0.0"}; }
  scanflow::WakeResult wake(const scanflow::Wake& wake) override {
    if (wake.reason == scanflow::WakeReason::event) {
      return {.fires = {wake.event, {{"second", true}}}};
    }
    return {.next_wake_us = wake.now_us + 5, .state = std::string(wake.state) + "x"};
  }
};

TEST(Harness, WakesATrigger) {
  scanflow::testing::Harness harness;
  const auto start = harness.wake<Ticker>(json::object(), {.now_us = 10, .state = "x"});
  ASSERT_TRUE(start.ok()) << start.told.error;
  EXPECT_EQ(start.wake.next_wake_us, 15);
  EXPECT_EQ(start.wake.state, "xx");
  const auto event = harness.wake<Ticker>(
      json::object(), {.reason = scanflow::WakeReason::event, .event = {{"n", 1}}});
  EXPECT_EQ(event.wake.fires, (std::vector<json>{{{"n", 1}}, {{"second", true}}}));
  EXPECT_EQ(event.wake.next_wake_us, std::nullopt);
  EXPECT_EQ(event.wake.state, std::nullopt) << "unchanged";
}

class Stopper : public scanflow::Strategy {
 public:
  static scanflow::Description describe() {
    return {.id = "stopper", .version = "1.0.0", .primitives = {"stop"}};
  }
  scanflow::Decision decide(const scanflow::Evidence& evidence) override {
    return {.actions = {{.primitive = "stop", .target = evidence.evidence.at("who")}},
            .state = "s"};
  }
};

TEST(Harness, AsksAStrategy) {
  scanflow::testing::Harness harness;
  const auto result =
      harness.decide<Stopper>(json::object(), {.evidence = {{"who", {{"step", "train"}}}}});
  ASSERT_TRUE(result.ok()) << result.told.error;
  ASSERT_EQ(result.decision.actions.size(), 1U);
  EXPECT_EQ(result.decision.actions[0].target, (json{{"step", "train"}}));
  EXPECT_EQ(result.decision.state, "s");
  EXPECT_EQ(harness.decide<Stopper>(json::object(), {.evidence = json::object()}).status,
            SCANFLOW_FAILED)
      << "what decide throws ends at the boundary";
}

/// Adds one, where it is asked online.
class PlusOne : public scanflow::Step, public scanflow::Inference {
 public:
  static scanflow::Description describe() { return {.id = "plus", .version = "1.0.0"}; }
  json run(scanflow::Context&) override { throw_serves_online_only(); }
  scanflow::Signature load(const scanflow::Loading&) override {
    return {.inputs = {{"x", scanflow::DataType::int64, {-1}}}, .batchable = true};
  }
  void infer(const scanflow::Tensors& inputs, scanflow::TensorOutputs& outputs) override {
    std::vector<std::int64_t> values;
    for (const std::int64_t x : inputs["x"].values<std::int64_t>()) values.push_back(x + 1);
    outputs.put("y", inputs["x"].shape(), std::span<const std::int64_t>(values));
  }
};

TEST(Harness, ServesOnline) {
  using scanflow::testing::TestTensor;
  scanflow::testing::Harness harness;
  const auto served =
      harness.serve<PlusOne>(json::object(), {}, [](scanflow::testing::Serving& serving) {
        const auto answer = serving.infer({TestTensor::of<std::int64_t>("x", {2}, {4, 5})});
        ASSERT_TRUE(answer.ok()) << answer.error;
        EXPECT_EQ(answer["y"].values<std::int64_t>(), (std::vector<std::int64_t>{5, 6}));
        EXPECT_EQ(serving.infer({TestTensor::of<float>("x", {1}, {4})}).error,
                  "the tensor 'x' is of FP32; expected is INT64");
      });
  ASSERT_TRUE(served.ok()) << served.told.error;
  EXPECT_EQ(served.signature["inputs"][0]["datatype"], "INT64");
  EXPECT_EQ(harness.run<PlusOne>().status, SCANFLOW_FAILED) << "in a pipeline";
}

}  // namespace
