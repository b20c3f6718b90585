// A training that was interrupted and goes on gives the same weights, bit for bit.
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <vector>

#include "plugins/steps/digits/drawing.hpp"
#include "plugins/steps/torch/checkpoint.hpp"
#include "plugins/steps/torch/training.hpp"
#include "tests/support/error_of.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::cnn {
namespace {

constexpr std::int64_t kBatches = 6;  // of an epoch: 57 digits, ten at a time
constexpr std::int64_t kEpochs = 3;

/// Changes the learning rate at one batch, and ends with a snapshot before another.
class Interrupter final : public Observer {
 public:
  void on_start(const Snapshot& snapshot) override { snapshot_ = &snapshot; }
  bool cancelled() override {
    if (at_ != end_at) return false;
    taken = (*snapshot_)();
    return true;
  }
  double learning_rate(double now) override { return at_ == change_at ? 0.013 : now; }
  void on_batch(const Batch& batch) override {
    ++at_;
    rates.push_back(batch.learning_rate);
  }
  void on_epoch(const Epoch& epoch) override { epochs.push_back(epoch); }

  void begin_at(std::int64_t batch) { at_ = batch; }
  std::int64_t change_at = -1;  // batches of the whole training
  std::int64_t end_at = -1;
  std::optional<Checkpoint> taken;
  std::vector<Epoch> epochs;
  std::vector<double> rates;

 private:
  std::int64_t at_ = 0;
  const Snapshot* snapshot_ = nullptr;
};

struct Kind {
  const char* name;
  const char* optimizer;
  const char* schedule;
  double momentum;
  int threads;
};

class Resume : public ::testing::TestWithParam<Kind> {
 protected:
  Hyperparameters h() const {
    Hyperparameters h;
    h.epochs = kEpochs;
    h.batch = 10;
    h.optimizer = GetParam().optimizer;
    h.schedule = GetParam().schedule;
    h.momentum = GetParam().momentum;
    h.threads = GetParam().threads;
    h.learning_rate = h.optimizer == "adam" ? 0.002 : 0.02;
    return h;
  }
  Trained learn(const std::string& out, Observer& observer, const Checkpoint* from = nullptr) {
    return train(digits_, validation_, h(), {}, directory_ / out, observer, from);
  }
  std::string weights(const std::string& name) const { return test::read(directory_ / name); }

  /// Interrupts it before this batch, and has another attempt go on from the file.
  void interrupt(std::int64_t batch, std::int64_t change_at, const Trained& whole) {
    SCOPED_TRACE("interrupted before batch " + std::to_string(batch));
    Interrupter first;
    first.change_at = change_at;
    first.end_at = batch;
    ASSERT_TRUE(learn("interrupted", first).cancelled);
    ASSERT_TRUE(first.taken);
    EXPECT_EQ(first.taken->epoch, batch / kBatches + 1);
    EXPECT_EQ(first.taken->batch, batch % kBatches);
    write_checkpoint(directory_.path(), "work", *first.taken);
    const auto found = find_checkpoint(directory_.path(), "work");
    ASSERT_TRUE(found.checkpoint) << found.ignored;

    Interrupter second;
    second.begin_at(batch);
    second.change_at = change_at;
    const Trained rest = learn("resumed", second, &*found.checkpoint);
    EXPECT_EQ(weights("resumed"), weights("whole"));
    EXPECT_EQ(second.rates.size(), kEpochs * kBatches - batch) << "nothing is learnt twice";
    ASSERT_EQ(rest.history.size(), whole.history.size());
    for (std::size_t i = 0; i < rest.history.size(); ++i) {
      EXPECT_EQ(rest.history[i].number, whole.history[i].number);
      EXPECT_EQ(rest.history[i].train.loss, whole.history[i].train.loss);
      EXPECT_EQ(rest.history[i].validation->loss, whole.history[i].validation->loss);
      EXPECT_EQ(rest.history[i].learning_rate, whole.history[i].learning_rate);
    }
    // Of the epochs before, nobody is told again.
    ASSERT_FALSE(second.epochs.empty());
    EXPECT_EQ(second.epochs.front().number, batch / kBatches + 1);
  }

  test::TempDir directory_;
  data::DigitSet digits_ = digits::generate(57, 1);
  data::DigitSet validation_ = digits::generate(20, 2);
};

TEST_P(Resume, GivesTheSameWeightsWhereverItWasInterrupted) {
  // Two threads that share a core wait for each other: of those a few places must do.
  const bool slow = GetParam().threads > 1;
  for (const std::int64_t change_at : {-1, 8}) {
    Interrupter none;
    none.change_at = change_at;
    const Trained whole = learn("whole", none);
    ASSERT_EQ(whole.history.size(), static_cast<std::size_t>(kEpochs));
    std::random_device device;
    const auto random = static_cast<std::int64_t>(device() % (kEpochs * kBatches));
    // At its beginning; within an epoch; right before, at and after the change; between two epochs;
    // before the last batch; anywhere.
    const std::vector<std::int64_t> everywhere{0,     4, 8, 9, 2 * kBatches, kEpochs * kBatches - 1,
                                               random};
    for (const std::int64_t batch : slow ? std::vector{random} : everywhere) {
      interrupt(batch, change_at, whole);
    }
  }
}

TEST_P(Resume, WhatDoesNotFitIsRefusedBeforeAnythingIsLearnt) {
  Interrupter first;
  first.end_at = 3;
  learn("out", first);
  const auto refused = [&](const std::function<void(Checkpoint&)>& spoil) {
    Checkpoint bad = *first.taken;
    spoil(bad);
    Interrupter second;
    try {
      learn("out", second, &bad);
      ADD_FAILURE() << "it went on";
    } catch (const BadCheckpoint&) {
      EXPECT_TRUE(second.rates.empty());
    }
  };
  refused([](Checkpoint& c) { c.order.pop_back(); });
  refused([](Checkpoint& c) { c.epoch = kEpochs + 1; });
  refused([](Checkpoint& c) { c.batch = kBatches; });
  refused([](Checkpoint& c) { c.batch = -1; });
  refused([](Checkpoint& c) { c.tensors = "no archive"; });
  refused([](Checkpoint& c) { c.tensors.resize(c.tensors.size() / 2); });
}

INSTANTIATE_TEST_SUITE_P(Training, Resume,
                         ::testing::Values(Kind{"Momentum", "sgd", "cosine", 0.9, 1},
                                           Kind{"Plain", "sgd", "constant", 0, 1},
                                           Kind{"Adam", "adam", "cosine", 0, 1},
                                           Kind{"AdamConstant", "adam", "constant", 0, 1},
                                           Kind{"TwoThreads", "sgd", "cosine", 0.9, 2}),
                         [](const auto& kind) { return std::string(kind.param.name); });

TEST(ResumeModel, TensorsOfAnotherModelAreRefused) {
  const test::TempDir directory;
  const data::DigitSet digits = digits::generate(20, 1);
  Hyperparameters h;
  h.epochs = 1;
  Interrupter first;
  first.end_at = 0;
  h.model = "cnn2";
  train(digits, {}, h, {}, directory / "out", first);
  h.model = "cnn1";
  Interrupter second;
  EXPECT_EQ(
      test::error_of([&] { train(digits, {}, h, {}, directory / "out", second, &*first.taken); }),
      "its weights have other shapes");
}

}  // namespace
}  // namespace scanflow::cnn
