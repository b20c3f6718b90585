// Real digits, and a training that is steered while it reads them: what was asked shows in what the
// step tells of itself.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "plugins/common/digit_set.hpp"
#include "tests/support/step_run.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

class TorchOnline : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("SCANFLOW_DATA");
    if (data == nullptr ||
        !std::filesystem::exists(std::filesystem::path(data) / "t10k-images-idx3-ubyte.gz")) {
      GTEST_SKIP() << "set SCANFLOW_DATA to a directory with t10k-images-idx3-ubyte.gz";
    }
    const std::filesystem::path from = data;
    const auto digits =
        data::read_digits(from / "t10k-images-idx3-ubyte.gz", from / "t10k-labels-idx1-ubyte.gz");
    part(digits, "train", 0, 4000);
    part(digits, "validation", 4000, 5000);
    train_.input("dataset", directory_ / "train")
        .input("validation", directory_ / "validation")
        .checkpoints(directory_ / "kept");
  }
  void part(const data::DigitSet& digits, const char* name, std::size_t first, std::size_t end) {
    std::vector<std::size_t> positions;
    for (std::size_t i = first; i < end; ++i) positions.push_back(i);
    std::filesystem::create_directory(directory_ / name);
    data::write_dataset(directory_ / name, digits.select(positions));
  }
  /// The newest value; nothing before there was one.
  std::optional<double> last(const std::string& name) const {
    const auto metrics = train_.metrics(name);
    return metrics.empty() ? std::nullopt : std::optional(metrics.back().value);
  }
  bool soon(const std::function<bool()>& condition) const {
    const auto deadline = Clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      if (Clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }

  TempDir directory_;
  StepRun train_{"torch_steps", "torch.train"};
};

TEST_F(TorchOnline, ATrainingIsSteered) {
  const auto ask = [](loader::StepInstance& step, const char* name, const char* arguments = "{}") {
    const auto answer = step.execute(name, arguments);
    EXPECT_EQ(answer.outcome, "DONE") << name << ": " << answer.value;
    return json::parse(answer.value);
  };
  json checkpoint;
  train_
      .with({{"epochs", 10'000},
             {"learning_rate", 0.03},
             {"schedule", "constant"},
             {"checkpoint_every", 0}})
      .beside([&](loader::StepInstance& step) {
        // It learns, and says how fast.
        EXPECT_TRUE(soon([&] { return last("digits_per_second").value_or(0) > 0; }));
        EXPECT_TRUE(soon([&] { return !train_.metrics("accuracy").empty(); }));
        EXPECT_EQ(last("learning_rate"), 0.03);

        EXPECT_TRUE(ask(step, "pause")["paused"]);
        EXPECT_EQ(last("digits_per_second"), 0.0);
        const auto paused = train_.metrics().size();
        // Commands are carried out meanwhile, and nothing is learnt.
        ask(step, "set_param", R"({"learning_rate": 0.01})");
        checkpoint = ask(step, "checkpoint");
        EXPECT_EQ(last("checkpoint_bytes"), checkpoint["bytes"].get<double>());
        EXPECT_EQ(train_.metrics().size(), paused + 1) << "that of the checkpoint";

        EXPECT_FALSE(ask(step, "resume")["paused"]);
        EXPECT_TRUE(soon([&] { return last("digits_per_second").value_or(0) > 0; }));
        EXPECT_TRUE(soon([&] { return last("learning_rate") == 0.01; }));
        ask(step, "stop_early");
      })
      .run();
  ASSERT_EQ(train_.status(), SCANFLOW_OK) << train_.error();
  const json outputs = train_.outputs();
  const auto epochs = outputs["epochs"].get<std::int64_t>();
  EXPECT_LT(epochs, 10'000);
  EXPECT_GT(outputs["validation_accuracy"].get<double>(), 0.85) << "real digits, really learnt";
  // Each epoch is told once, in order; the checkpoint's place is within them.
  const auto accuracy = train_.metrics("accuracy");
  ASSERT_EQ(accuracy.size(), static_cast<std::size_t>(2 * epochs));
  for (std::size_t i = 0; i < accuracy.size(); ++i) {
    EXPECT_EQ(accuracy[i].step, static_cast<std::int64_t>(i / 2 + 1));
  }
  EXPECT_LE(checkpoint["epoch"], epochs);
  EXPECT_EQ(train_.metrics("checkpoint_bytes").front().step, checkpoint["step"]);

  // Another attempt goes on from there; its rate is the one that was set.
  StepRun next("torch_steps", "torch.train");
  next.with({{"epochs", 10'000},
             {"learning_rate", 0.03},
             {"schedule", "constant"},
             {"checkpoint_every", 0}})
      .input("dataset", directory_ / "train")
      .input("validation", directory_ / "validation")
      .checkpoints(directory_ / "kept")
      .beside([&](loader::StepInstance& step) { ask(step, "stop_early"); })
      .run();
  ASSERT_EQ(next.status(), SCANFLOW_OK) << next.error();
  EXPECT_EQ(next.outputs()["resumed_from_epoch"], checkpoint["epoch"]);
  EXPECT_EQ(next.metrics("accuracy").front().step, checkpoint["epoch"]);
  ASSERT_FALSE(next.metrics("learning_rate").empty());
  EXPECT_EQ(next.metrics("learning_rate").back().value, 0.01);
}

}  // namespace
}  // namespace scanflow::test
