// torch.train and torch.evaluate, through the boundary.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <numeric>

#include "plugins/common/digit_set.hpp"
#include "plugins/steps/digits/drawing.hpp"
#include "tests/support/step_run.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

class TorchSteps : public ::testing::Test {
 protected:
  TorchSteps() {
    for (const auto& [name, count, seed] :
         {std::tuple{"train", 300, 1}, std::tuple{"validation", 100, 2},
          std::tuple{"test", 100, 3}}) {
      std::filesystem::create_directory(directory_ / name);
      data::write_dataset(directory_ / name, digits::generate(static_cast<std::size_t>(count),
                                                              static_cast<std::uint64_t>(seed)));
    }
    train_.input("dataset", directory_ / "train").input("validation", directory_ / "validation");
  }

  TempDir directory_;
  StepRun train_{"torch_steps", "torch.train"};
  json quick_ = {{"epochs", 4}, {"batch", 10}, {"learning_rate", 0.02}};
};

TEST_F(TorchSteps, ATrainingIsSteered) {
  const auto ask = [](loader::StepInstance& step, const char* name, const char* arguments = "{}") {
    const auto answer = step.execute(name, arguments);
    EXPECT_EQ(answer.outcome, "DONE") << name << ": " << answer.value;
    return json::parse(answer.value);
  };
  train_
      .with({{"epochs", 10'000}, {"batch", 10}, {"learning_rate", 0.02}, {"schedule", "constant"}})
      .beside([&](loader::StepInstance& step) {
        EXPECT_TRUE(ask(step, "pause")["paused"]);
        EXPECT_EQ(ask(step, "set_param", R"({"learning_rate": 0.001})")["learning_rate"], 0.001);
        EXPECT_EQ(step.execute("set_param", R"({"learning_rate": 0})").outcome, "FAILED");
        EXPECT_FALSE(ask(step, "resume")["paused"]);
        ask(step, "stop_early");
      })
      .run();
  ASSERT_EQ(train_.status(), SCANFLOW_OK) << train_.error();
  EXPECT_LT(train_.outputs()["epochs"], 10'000);
  EXPECT_TRUE(std::filesystem::exists(train_.artifact("model")));
}

TEST_F(TorchSteps, TrainThenEvaluate) {
  train_.with(quick_).run();
  ASSERT_EQ(train_.status(), SCANFLOW_OK) << train_.error();
  const json outputs = train_.outputs();
  EXPECT_EQ(outputs["epochs"], 4);
  EXPECT_EQ(outputs["parameters"], 20522);
  EXPECT_TRUE(outputs["summary"].get<std::string>().starts_with(
      "cnn1, 20,522 weights, 4 epochs: validation accuracy 0."))
      << outputs["summary"];

  // Loss and accuracy, of both sets, and the learning rate, for each epoch.
  auto metrics = train_.metrics();
  std::erase_if(metrics, [](const Metric& metric) { return !metric.logged; });
  ASSERT_EQ(metrics.size(), 20U);
  EXPECT_EQ(metrics.front().name, "loss");
  EXPECT_EQ(metrics.front().step, 1);
  EXPECT_EQ(metrics.back().name, "accuracy");
  EXPECT_EQ(metrics.back().step, 4);
  EXPECT_EQ(metrics.back().labels.at("set"), "validation");
  EXPECT_EQ(metrics.back().value, outputs["validation_accuracy"].get<double>());

  const json card = json::parse(read(train_.artifact("card")));
  EXPECT_EQ(card["architecture"]["name"], "cnn1");
  EXPECT_EQ(card["hyperparameters"]["learning_rate"], 0.02);
  EXPECT_EQ(card["data"]["train"]["count"], 300);
  EXPECT_EQ(card["data"]["train"]["sha256"], std::string(64, 'a'));
  EXPECT_EQ(card["history"].size(), 4U);

  StepRun evaluate("torch_steps", "torch.evaluate");
  evaluate.input("model", train_.artifact("model"))
      .input("card", train_.artifact("card"))
      .input("dataset", directory_ / "validation")
      .run();
  ASSERT_EQ(evaluate.status(), SCANFLOW_OK) << evaluate.error();
  const json result = evaluate.outputs();
  EXPECT_NEAR(result["accuracy"].get<double>(), outputs["validation_accuracy"].get<double>(), 1e-9);
  EXPECT_EQ(result["model"], "cnn1");
  EXPECT_EQ(result["count"], 100);
  std::int64_t sum = 0;
  for (const json& row : result["confusion"]) {
    for (const json& count : row) sum += count.get<std::int64_t>();
  }
  EXPECT_EQ(sum, 100);
  EXPECT_EQ(result["classes"].size(), 10U);

  const auto wrong = data::read_dataset(evaluate.artifact("misclassified"));
  const json predictions =
      json::parse(read(evaluate.artifact("misclassified") / "predictions.json"));
  EXPECT_EQ(predictions.size(), result["misclassified"].get<std::size_t>());
  ASSERT_EQ(predictions.size(), wrong.size());
  const auto source = data::read_dataset(directory_ / "validation");
  double last = 1;
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    const auto image = wrong.image(i);
    const auto original = source.image(predictions[i]["index"].get<std::size_t>());
    EXPECT_TRUE(std::equal(image.begin(), image.end(), original.begin(), original.end()));
    EXPECT_EQ(predictions[i]["label"], wrong.labels[i]);
    EXPECT_NE(predictions[i]["prediction"], predictions[i]["label"]);
    EXPECT_LE(predictions[i]["confidence"].get<double>(), last);
    last = predictions[i]["confidence"].get<double>();
  }
}

TEST_F(TorchSteps, TrainsWithoutValidationData) {
  StepRun train("torch_steps", "torch.train");
  quick_["epochs"] = 1;
  train.input("dataset", directory_ / "train").with(quick_).run();
  ASSERT_EQ(train.status(), SCANFLOW_OK) << train.error();
  EXPECT_FALSE(train.outputs().contains("validation_accuracy"));
  EXPECT_EQ(train.metrics("loss").size(), 1U);
  EXPECT_EQ(train.metrics("accuracy").size(), 1U);
}

TEST_F(TorchSteps, CancelEndsTheTraining) {
  quick_["epochs"] = 10'000;
  train_.with(quick_).cancel_at_first_progress().run();
  EXPECT_EQ(train_.status(), SCANFLOW_CANCELLED) << train_.error();
  EXPECT_FALSE(std::filesystem::exists(train_.artifact("model")));
}

TEST_F(TorchSteps, ConfigurationIsChecked) {
  train_.with({{"model", "cnn3"}}).run();
  EXPECT_NE(train_.status(), SCANFLOW_OK);
  EXPECT_NE(train_.error().find("with.model"), std::string::npos) << train_.error();
}

TEST_F(TorchSteps, CardOfAnotherModelIsRefused) {
  quick_["epochs"] = 1;
  train_.with(quick_).run();
  StepRun other("torch_steps", "torch.train");
  quick_["model"] = "cnn2";
  other.input("dataset", directory_ / "train").with(quick_).run();
  StepRun evaluate("torch_steps", "torch.evaluate");
  evaluate.input("model", train_.artifact("model"))
      .input("card", other.artifact("card"))
      .input("dataset", directory_ / "test")
      .run();
  EXPECT_EQ(evaluate.status(), SCANFLOW_FAILED);
  EXPECT_EQ(evaluate.error(), other.artifact("card").string() +
                                  ": the card is of model \"cnn2\", but the weights are of cnn1: "
                                  "give the card and the weights of the same step");
}

// As the step host does it: the library is loaded (which checks that it started no thread), then
// each attempt runs in a fork, with torch's threads sized by the attempt.
TEST_F(TorchSteps, AttemptsRunInForksOfALoadedParent) {
  quick_["epochs"] = 1;
  train_.with(quick_).threads(2);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      train_.run();
      _exit(train_.status() == SCANFLOW_OK ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  }
}

TEST_F(TorchSteps, PredictsTheSameInAPipelineAndOnline) {
  train_.with(quick_).run();
  ASSERT_EQ(train_.status(), SCANFLOW_OK) << train_.error();
  const auto model = train_.artifact("model");
  StepRun evaluate("torch_steps", "torch.evaluate"), batch("torch_steps", "torch.predict");
  evaluate.input("model", model).input("dataset", directory_ / "test").run();
  batch.input("model", model).input("dataset", directory_ / "test").run();
  ASSERT_EQ(batch.status(), SCANFLOW_OK) << batch.error();
  const auto truth = data::read_dataset(directory_ / "test");
  const auto read = data::read_dataset(batch.artifact("predictions"));
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) wrong += truth.labels[i] != read.labels[i];
  EXPECT_EQ(evaluate.outputs()["misclassified"], wrong);

  StepRun services("torch_steps", "torch.predict");
  services.input("model", model).online([&](loader::StepInstance& step) {
    std::vector<float> grey(truth.pixels.begin(), truth.pixels.end());
    const auto rows = static_cast<std::int64_t>(truth.size());
    const loader::Tensor images = {
        "images", SCANFLOW_FP32, {rows, 1, 28, 28}, std::as_bytes(std::span(grey)), nullptr};
    const auto answer = step.infer(std::vector{images});
    ASSERT_TRUE(answer.ok()) << answer.error;
    ASSERT_EQ(answer.tensors.size(), 2U);
    const auto* digits = reinterpret_cast<const std::int64_t*>(answer.tensors[1].data.data());
    for (std::size_t i = 0; i < read.size(); ++i) EXPECT_EQ(digits[i], read.labels[i]) << i;
  });
  ASSERT_EQ(services.status(), SCANFLOW_OK) << services.error();
}

}  // namespace
}  // namespace scanflow::test
