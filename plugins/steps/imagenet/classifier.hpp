// A network that is asked again and again. Without libtorch's headers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "plugins/steps/imagenet/layout.hpp"

namespace scanflow::imagenet {

constexpr std::size_t kPixels = std::size_t{kChannels} * kSide * kSide;  // values of one image

class Classifier {
 public:
  /// With the weights of a file; without one, with weights drawn by `seed`. Runs once, so that no
  /// request pays for what torch does at first. Throws std::runtime_error.
  Classifier(const std::optional<std::filesystem::path>& weights, std::uint64_t seed, int threads);
  ~Classifier();
  Classifier(const Classifier&) = delete;
  Classifier& operator=(const Classifier&) = delete;

  struct Answer {
    std::vector<float> logits, probabilities;  // kClasses for each image
  };
  /// images: kPixels for each, channel by channel, normalised. [any-thread, one at a time]
  Answer classify(std::span<const float> images);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::imagenet
