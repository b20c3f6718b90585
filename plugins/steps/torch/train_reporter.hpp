// What torch.train says while it runs, what it can be told, and its checkpoints.
//
// Metrics. Logged, by epoch: loss and accuracy ({set=train}, {set=validation}), learning_rate (of its
// last batch). An attempt that goes on from a checkpoint logs from the epoch that it is in: those
// before are in the series of the attempt that learnt them. Logged, by batch of the whole training:
// checkpoint_bytes, with each checkpoint. Sampled: digits_per_second (0 when it is paused),
// learning_rate.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <scanflow/context.hpp>
#include <string>

#include "plugins/steps/torch/checkpoint.hpp"
#include "plugins/steps/torch/training.hpp"

namespace scanflow::cnn {

/// Belongs to the thread of `run`.
class TrainReporter final : public Observer {
 public:
  /// checkpoint_every: epochs; 0: only when asked. work: what tells this training from others.
  TrainReporter(Context& context, const Hyperparameters& hyperparameters,
                std::int64_t checkpoint_every, std::string work);

  /// What an earlier attempt has left, if it is of use; the log says so, or why it is not.
  std::optional<Checkpoint> find();
  /// It was of no use after all.
  void begin_anew(const std::string& why);

  // --- commands ---
  void set_learning_rate(double rate);
  void stop();
  void pause(bool paused);
  /// {"path", "sha256", "bytes", "epoch", "step"}. Throws where there is no place for it.
  nlohmann::json save();

  // --- of the training ---
  /// What was learnt is not lost with a cancel, or a timeout.
  bool cancelled() override;
  double learning_rate(double now) override { return rate_.value_or(now); }
  bool stop_early() override { return stop_; }
  void on_start(const Snapshot& snapshot) override { snapshot_ = &snapshot; }
  void on_epoch_begin(std::int64_t epoch) override;
  void on_batch(const Batch& batch) override;
  void on_epoch(const Epoch& epoch) override;

 private:
  /// A full disk, say, ends no training.
  void try_to_save();
  void start_measuring();

  Context& context_;
  const Hyperparameters& h_;
  const std::int64_t checkpoint_every_;
  const std::string work_;
  const std::optional<std::filesystem::path> directory_;  // nothing: this host keeps none
  const Snapshot* snapshot_ = nullptr;                    // while it trains
  std::int64_t saved_epoch_ = 1;                          // which the last checkpoint was in
  std::optional<double> rate_;                            // that was asked for
  bool stop_ = false;
  std::chrono::steady_clock::time_point measured_;  // digits_ are those since
  std::int64_t digits_ = 0;
};

}  // namespace scanflow::cnn
