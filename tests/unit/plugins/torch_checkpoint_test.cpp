// torch.train's checkpoints, through the boundary.
#include <gtest/gtest.h>

#include "plugins/common/digit_set.hpp"
#include "plugins/steps/digits/drawing.hpp"
#include "sdk/base/digest.hpp"
#include "tests/support/step_run.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

json ask(loader::StepInstance& step, const char* name, const char* arguments = "{}") {
  const auto answer = step.execute(name, arguments);
  EXPECT_EQ(answer.outcome, "DONE") << name << ": " << answer.value;
  return json::parse(answer.value);
}

class TorchCheckpoints : public ::testing::Test {
 protected:
  TorchCheckpoints() {
    std::filesystem::create_directory(directory_ / "train");
    data::write_dataset(directory_ / "train", digits::generate(300, 1));
  }
  /// One attempt; the next one has its checkpoints.
  std::unique_ptr<StepRun> attempt(json changes = json::object()) {
    auto run = std::make_unique<StepRun>("torch_steps", "torch.train");
    json config = {{"epochs", 6}, {"batch", 10}, {"learning_rate", 0.02}, {"checkpoint_every", 0}};
    config.update(changes);
    run->with(config).input("dataset", directory_ / "train").checkpoints(kept());
    return run;
  }
  std::filesystem::path kept() const { return directory_ / "kept"; }
  std::filesystem::path file() const { return kept() / "training.checkpoint"; }
  /// An attempt that has changed its learning rate and written a checkpoint when it is cancelled.
  json interrupted(const json& changes = json::object()) {
    const auto first = attempt(changes);
    json answer;
    first->beside([&](loader::StepInstance& step) {
      ask(step, "pause");
      ask(step, "set_param", R"({"learning_rate": 0.011})");
      answer = ask(step, "checkpoint");
      step.cancel();
    });
    first->run();
    EXPECT_EQ(first->status(), SCANFLOW_CANCELLED) << first->error();
    return answer;
  }

  TempDir directory_;
};

TEST_F(TorchCheckpoints, TheCommandSaysWhatItHasWritten) {
  const json answer = interrupted();
  EXPECT_EQ(answer["path"], file().string());
  EXPECT_EQ(answer["sha256"], *sha256_file(file()));
  EXPECT_EQ(answer["bytes"], std::filesystem::file_size(file()));
  EXPECT_GE(answer["epoch"], 1);
  EXPECT_EQ(answer["step"].get<int>() / 30 + 1, answer["epoch"]) << "30 batches an epoch";
}

TEST_F(TorchCheckpoints, AnotherAttemptGoesOnFromIt) {
  const json answer = interrupted();
  const auto second = attempt();
  second->run();
  ASSERT_EQ(second->status(), SCANFLOW_OK) << second->error();
  EXPECT_EQ(second->outputs()["resumed_from_epoch"], answer["epoch"]);
  EXPECT_EQ(second->outputs()["epochs"], 6);
  EXPECT_TRUE(second->logged("going on from a checkpoint: epoch "));
  // Its own series begins with the epoch that it was in; the card has them all.
  EXPECT_EQ(second->metrics("loss").front().step, answer["epoch"]);
  EXPECT_EQ(second->metrics("loss").back().step, 6);
  const json card = json::parse(read(second->artifact("card")));
  ASSERT_EQ(card["history"].size(), 6U);
  // The rate that was asked for goes on too: down a cosine from 0.011, where 0.02 was configured.
  for (const Metric& metric : second->metrics("learning_rate")) EXPECT_LE(metric.value, 0.011);
  // A third attempt goes on from the same place and comes to the same weights.
  const auto third = attempt();
  third->run();
  EXPECT_EQ(read(third->artifact("model")), read(second->artifact("model")));
}

TEST_F(TorchCheckpoints, ADamagedOneIsIgnoredWithAWarning) {
  interrupted();
  std::string bytes = read(file());
  bytes[bytes.size() / 2] ^= 1;
  write(file(), bytes);
  const auto second = attempt({{"epochs", 6}});
  second->run();
  ASSERT_EQ(second->status(), SCANFLOW_OK) << second->error();
  EXPECT_FALSE(second->outputs().contains("resumed_from_epoch"));
  EXPECT_TRUE(second->logged("training.checkpoint: it is damaged; the training begins anew"));
  EXPECT_EQ(second->metrics("loss").front().step, 1);
}

TEST_F(TorchCheckpoints, ThatOfAnotherConfigurationIsIgnoredWithAWarning) {
  interrupted();
  const auto second = attempt({{"seed", 2}, {"epochs", 1}});
  second->run();
  ASSERT_EQ(second->status(), SCANFLOW_OK) << second->error();
  EXPECT_FALSE(second->outputs().contains("resumed_from_epoch"));
  EXPECT_TRUE(second->logged("it is that of a training with another configuration"));
}

TEST_F(TorchCheckpoints, AreWrittenEverySoManyEpochsAndWhenItIsCancelled) {
  const auto every = attempt({{"checkpoint_every", 2}});
  every->run();
  ASSERT_EQ(every->status(), SCANFLOW_OK) << every->error();
  std::vector<std::int64_t> at;
  for (const Metric& metric : every->metrics("checkpoint_bytes")) at.push_back(metric.step);
  EXPECT_EQ(at, (std::vector<std::int64_t>{60, 120})) << "before epochs 3 and 5 of 30 batches";

  std::filesystem::remove(file());
  const auto cancelled = attempt({{"checkpoint_every", 100}, {"epochs", 10'000}});
  cancelled->cancel_at_first_progress().run();
  EXPECT_EQ(cancelled->status(), SCANFLOW_CANCELLED);
  EXPECT_TRUE(std::filesystem::exists(file()));
}

/// Whoever has asked it to end after its epoch does not find it going on after a crash.
TEST_F(TorchCheckpoints, ToStopEarlyIsRemembered) {
  const auto first = attempt({{"epochs", 10'000}});
  json answer;
  first->beside([&](loader::StepInstance& step) {
    ask(step, "pause");
    ask(step, "stop_early");
    answer = ask(step, "checkpoint");
    step.cancel();
  });
  first->run();
  const auto second = attempt({{"epochs", 10'000}});
  second->run();
  ASSERT_EQ(second->status(), SCANFLOW_OK) << second->error();
  EXPECT_EQ(second->outputs()["epochs"], answer["epoch"]);
}

TEST_F(TorchCheckpoints, AHostThatKeepsNoneIsToldSo) {
  StepRun run("torch_steps", "torch.train");
  loader::CommandAnswer answer;
  run.with({{"epochs", 10'000}, {"batch", 10}, {"learning_rate", 0.02}})
      .input("dataset", directory_ / "train")
      .beside([&](loader::StepInstance& step) {
        answer = step.execute("checkpoint", "{}");
        ask(step, "stop_early");
      })
      .run();
  EXPECT_EQ(run.status(), SCANFLOW_OK) << run.error();
  EXPECT_EQ(answer.outcome, "FAILED");
  EXPECT_NE(answer.value.find("this host keeps no checkpoints"), std::string::npos) << answer.value;
}

TEST_F(TorchCheckpoints, ADiskThatRefusesOneEndsNoTraining) {
  const auto run = attempt({{"checkpoint_every", 1}, {"epochs", 3}});
  std::filesystem::create_directories(file() / "in the way");
  run->run();
  EXPECT_EQ(run->status(), SCANFLOW_OK) << run->error();
  EXPECT_TRUE(run->logged("no checkpoint: cannot put the checkpoint at"));
}

}  // namespace
}  // namespace scanflow::test
