// Training and prediction with small networks. No libtorch header here: it costs 10 to 15 s a
// translation unit, so only network.cpp, optimizer.cpp, training.cpp and prediction.cpp
// include one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "plugins/common/digit_set.hpp"

namespace scanflow::cnn {

struct Hyperparameters {
  std::string model = "cnn1";
  std::int64_t epochs = 2;
  std::int64_t batch = 32;
  double learning_rate = 0.05;
  std::string optimizer = "sgd";    // or adam
  double momentum = 0.9;            // sgd only
  std::string schedule = "cosine";  // or constant
  std::uint64_t seed = 1;
  int threads = 1;
};

struct Score {
  double loss = 0;      // mean cross entropy, in nats
  double accuracy = 0;  // share of digits, 0 to 1
};

/// Sums over batches of different size.
struct Tally {
  double loss = 0;
  double right = 0;  // digits told rightly
  std::int64_t count = 0;

  void add(double batch_loss, std::int64_t batch_right, std::int64_t size) {
    loss += batch_loss * static_cast<double>(size);
    right += static_cast<double>(batch_right);
    count += size;
  }
  Score score() const {
    const auto n = static_cast<double>(std::max<std::int64_t>(count, 1));
    return {loss / n, right / n};
  }
};

struct Epoch {
  std::int64_t number = 0;  // from 1
  Score train;              // over the batches as they were learnt, so behind the final weights
  std::optional<Score> validation;
  double learning_rate = 0;  // of its last batch
  double seconds = 0;        // of training, with that of earlier attempts
};

/// A batch that was learnt.
struct Batch {
  std::int64_t epoch = 0;  // from 1
  std::int64_t size = 0;   // digits
  double learning_rate = 0;
  double done = 0;  // share of the whole training, with this batch
  Score so_far;     // means of this epoch
};

struct Checkpoint;  // checkpoint.hpp
/// Where the training is; from its own thread only, before a batch.
using Snapshot = std::function<Checkpoint()>;

/// Told from the training thread.
class Observer {
 public:
  Observer() = default;
  virtual ~Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// Once, before anything else; `snapshot` is valid until train() returns.
  virtual void on_start(const Snapshot& /*snapshot*/) {}
  /// Before the first batch that is learnt of an epoch.
  virtual void on_epoch_begin(std::int64_t /*epoch*/) {}
  /// Asked before each batch; true ends the training.
  virtual bool cancelled() = 0;
  /// Asked then, too: the learning rate to go on with (of a schedule: its highest).
  virtual double learning_rate(double now) { return now; }
  /// Asked after each epoch: true ends the training well.
  virtual bool stop_early() { return false; }
  virtual void on_batch(const Batch& batch) = 0;
  virtual void on_epoch(const Epoch& epoch) = 0;
};

struct Trained {
  bool cancelled = false;      // then no weights were written
  std::vector<Epoch> history;  // with the epochs of earlier attempts
  double seconds = 0;          // likewise
};

/// Trains and writes the weights to `out` (a state dict as Python's torch.load reads it). The same
/// data, hyperparameters and threads give the same bytes, also where the training was interrupted
/// and goes on `from` a snapshot of it (null: from its beginning). `validation` may be empty. Sets
/// the process' number of torch threads. Throws std::runtime_error where the training diverges, and
/// where `init_from` cannot be read or does not fit the model; BadCheckpoint where `from` does not,
/// before anything is learnt.
Trained train(const data::DigitSet& digits, const data::DigitSet& validation,
              const Hyperparameters& hyperparameters,
              const std::optional<std::filesystem::path>& init_from,
              const std::filesystem::path& out, Observer& observer,
              const Checkpoint* from = nullptr);

struct BadCheckpoint : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Predictions {
  std::string model;                 // the architecture, told by the weights
  std::vector<float> probabilities;  // kClasses for each digit
  double loss = 0;
};

/// Classifies `digits` with weights that train() or Python wrote. Asks `cancelled` before each
/// batch and then answers nothing. Throws std::runtime_error where the weights cannot be read or
/// belong to none of our models.
std::optional<Predictions> predict(const std::filesystem::path& weights,
                                   const data::DigitSet& digits, std::int64_t batch, int threads,
                                   const std::function<bool()>& cancelled);

/// "1.13.0".
std::string torch_version();

}  // namespace scanflow::cnn
