#include "plugins/steps/torch/training.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "plugins/steps/digits/drawing.hpp"
#include "plugins/steps/torch/figures.hpp"
#include "tests/support/error_of.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::cnn {
namespace {

using test::error_of;
using test::TempDir;

class Recorder : public Observer {
 public:
  bool cancelled() override { return batches_ >= cancel_after; }
  void on_batch(const Batch& batch) override {
    ++batches_;
    EXPECT_GT(batch.done, last_done_);
    EXPECT_LE(batch.done, 1.0 + 1e-9);
    last_done_ = batch.done;
  }
  void on_epoch(const Epoch& epoch) override { epochs.push_back(epoch); }

  int cancel_after = 1'000'000;  // batches
  std::vector<Epoch> epochs;

 private:
  int batches_ = 0;
  double last_done_ = 0;
};

Hyperparameters quick() {
  Hyperparameters h;
  h.epochs = 6;
  h.batch = 10;
  h.learning_rate = 0.02;
  return h;
}

double accuracy(const std::filesystem::path& weights, const data::DigitSet& digits) {
  const auto predictions = predict(weights, digits, 64, 1, [] { return false; });
  return figures_of(predictions->probabilities, digits.labels).accuracy;
}

class Training : public ::testing::Test {
 protected:
  Trained learn(const Hyperparameters& h, const std::string& out = "model") {
    Recorder recorder;
    return learn(h, out, recorder);
  }
  Trained learn(const Hyperparameters& h, const std::string& out, Observer& observer) {
    return train(digits_, validation_, h, init_from_, directory_ / out, observer);
  }

  TempDir directory_;
  data::DigitSet digits_ = digits::generate(200, 1);
  data::DigitSet validation_;
  std::optional<std::filesystem::path> init_from_;
};

TEST_F(Training, LearnsTwoHundredDigits) {
  validation_ = digits::generate(200, 99);
  Recorder recorder;
  const Trained trained = learn(quick(), "model", recorder);
  ASSERT_EQ(trained.history.size(), 6U);
  EXPECT_EQ(recorder.epochs.size(), 6U);
  EXPECT_LT(trained.history.back().train.loss, trained.history.front().train.loss);
  EXPECT_GT(trained.history.back().train.accuracy, 0.6);
  const double after = accuracy(directory_ / "model", validation_);
  EXPECT_GT(after, 0.4) << "guessing gives 0.1";
  EXPECT_NEAR(after, trained.history.back().validation->accuracy, 1e-9);
}

TEST_F(Training, SameSeedSameWeightsBitForBit) {
  for (const char* model : {"cnn1", "cnn2"}) {
    Hyperparameters h = quick();
    h.model = model;
    h.epochs = 1;
    learn(h, "first");
    learn(h, "second");
    EXPECT_EQ(test::read(directory_ / "first"), test::read(directory_ / "second")) << model;
    h.seed = 2;
    learn(h, "other");
    EXPECT_NE(test::read(directory_ / "first"), test::read(directory_ / "other")) << model;
  }
}

TEST_F(Training, AdamAndConstantRateLearnToo) {
  Hyperparameters h = quick();
  h.optimizer = "adam";
  h.schedule = "constant";
  h.learning_rate = 0.002;
  EXPECT_GT(learn(h).history.back().train.accuracy, 0.6);
}

TEST_F(Training, GoesOnFromGivenWeights) {
  const Trained first = learn(quick());
  init_from_ = directory_ / "model";
  Hyperparameters h = quick();
  h.epochs = 1;
  h.learning_rate = 0.001;
  const Trained second = learn(h, "continued");
  EXPECT_LT(second.history.front().train.loss, first.history.back().train.loss * 1.2);
}

TEST_F(Training, RefusesWeightsOfAnotherModel) {
  Hyperparameters h = quick();
  h.epochs = 1;
  learn(h);
  init_from_ = directory_ / "model";
  h.model = "cnn2";
  const std::string error = error_of([&] { learn(h, "out"); });
  EXPECT_NE(error.find("the weights do not fit model cnn2: classes.weight is [10, 64], expected "
                       "[10, 128]"),
            std::string::npos)
      << error;
  EXPECT_FALSE(std::filesystem::exists(directory_ / "out"));
}

TEST_F(Training, RefusesWhatIsNoWeightsFile) {
  directory_.write("empty", "");
  directory_.write("text", "hello");
  for (const char* name : {"empty", "text"}) {
    init_from_ = directory_ / name;
    const std::string error = error_of([&] { learn(quick(), "out"); });
    EXPECT_NE(error.find("is no weights file that can be read here"), std::string::npos) << error;
  }
  init_from_.reset();
  learn(quick());
  std::string cut = test::read(directory_ / "model");
  cut.resize(cut.size() / 2);
  directory_.write("cut", cut);
  EXPECT_NE(error_of([&] { accuracy(directory_ / "cut", digits_); }).find("no weights file"),
            std::string::npos);
}

TEST_F(Training, DivergingNamesTheFix) {
  Hyperparameters h = quick();
  h.learning_rate = 50;
  const std::string error = error_of([&] { learn(h, "out"); });
  EXPECT_TRUE(error.starts_with("training diverged: the loss is ")) << error;
  EXPECT_TRUE(
      error.ends_with("(model cnn1, optimizer sgd, learning_rate 50, batch 10); lower "
                      "learning_rate, to 0.05 for a start"))
      << error;
  EXPECT_FALSE(std::filesystem::exists(directory_ / "out"));
}

TEST_F(Training, CancelEndsItWithinABatch) {
  Recorder recorder;
  recorder.cancel_after = 3;
  const Trained trained = learn(quick(), "out", recorder);
  EXPECT_TRUE(trained.cancelled);
  EXPECT_TRUE(recorder.epochs.empty());
  EXPECT_FALSE(std::filesystem::exists(directory_ / "out"));
}

TEST_F(Training, NothingToLearnIsAnError) {
  digits_ = {};
  EXPECT_EQ(error_of([&] { learn(quick()); }), "the training set is empty: nothing to learn");
}

int run_python(const std::string& program) {
  const std::string command = "/usr/bin/python3 -c '" + program + "' >/dev/null 2>&1";
  return std::system(command.c_str());
}

TEST_F(Training, PythonLoadsTheStateDict) {
  if (run_python("import torch") != 0) GTEST_SKIP() << "python3-torch is not installed";
  Hyperparameters h = quick();
  h.epochs = 1;
  learn(h);
  const std::string model = (directory_ / "model").string();
  const std::string again = (directory_ / "again").string();
  EXPECT_EQ(run_python("import torch\n"
                       "d = torch.load(\"" +
                       model +
                       "\")\n"
                       "assert tuple(d[\"conv1.weight\"].shape) == (8, 1, 5, 5), d.keys()\n"
                       "layer = torch.nn.Linear(64, 10)\n"
                       "layer.load_state_dict({\"weight\": d[\"classes.weight\"], "
                       "\"bias\": d[\"classes.bias\"]})\n"
                       "torch.save(dict(d), \"" +
                       again + "\")"),
            0);
  // And back: a state dict that Python saved.
  EXPECT_EQ(accuracy(again, digits_), accuracy(model, digits_));
}

// The step host forks attempts from a parent that has the library loaded.
TEST_F(Training, WorksInAForkedChild) {
  Hyperparameters h = quick();
  h.epochs = 1;
  h.threads = 2;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Recorder recorder;
    const bool well = error_of([&] {
                        train(digits_, digits_, h, {}, directory_ / "forked", recorder);
                      }) == "nothing was thrown";
    _exit(well ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  EXPECT_GT(accuracy(directory_ / "forked", digits_), 0.0);
}

}  // namespace
}  // namespace scanflow::cnn
