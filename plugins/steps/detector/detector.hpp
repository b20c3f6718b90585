// A denoising autoencoder (P. Vincent et al. 2008) that knows clean digits: what it cannot draw again
// is none. Without libtorch's headers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "plugins/common/digit_set.hpp"
#include "plugins/steps/detector/drift.hpp"

namespace scanflow::detector {

struct Settings {
  std::int64_t code = 16;  // values that a digit is reduced to
  std::int64_t epochs = 15;
  std::int64_t batch = 64;
  double learning_rate = 0.004;  // of Adam; goes down to 0 as a cosine
  double noise = 0.2;            // deviation, of grey values 0 to 1
  double quantile = 0.99;
  std::uint64_t seed = 1;
  int threads = 1;
};

struct Epoch {
  std::int64_t number = 0;  // from 1
  double loss = 0;          // mean over its batches: cross entropy of a pixel, in nats
};

struct Trained {
  Threshold threshold;
  double validation_error = 0;  // mean
  double loss = 0;              // over the last epoch
  std::int64_t parameters = 0;
};

/// Learns to draw clean digits from noisy ones, and sets the threshold by the errors on `validation`,
/// without noise. Writes weights and threshold to `out` (a state dict, as Python's torch.load reads
/// it). Same data, settings and threads: same bytes. Sets the process' number of torch threads and its
/// seed. `on_epoch` is told each epoch; `stop` is asked before each batch, and where it throws the
/// training ends. Throws std::runtime_error.
Trained train(const data::DigitSet& digits, const data::DigitSet& validation,
              const Settings& settings, const std::filesystem::path& out,
              const std::function<void(const Epoch&)>& on_epoch, const std::function<void()>& stop);

class Detector {
 public:
  /// Reads what train() wrote, and runs once. Throws std::runtime_error.
  Detector(const std::filesystem::path& file, int threads);
  ~Detector();
  Detector(const Detector&) = delete;
  Detector& operator=(const Detector&) = delete;

  const Threshold& threshold() const;
  /// images: rows of kPixels, grey values 0 (background) to 255 (ink). For each the mean square of what
  /// is drawn wrongly, grey values being 0 to 1. [any-thread, one at a time]
  std::vector<float> errors(std::span<const float> images);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::detector
