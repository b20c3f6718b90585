// Raw images as they come (bytes, pixel by pixel) to what networks take (floats, channel by channel).
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plugins/steps/serving/resample.hpp"

namespace scanflow::serving {

struct ImageSize {
  std::size_t height = 0, width = 0;  // pixels
  bool operator==(const ImageSize&) const = default;
};

struct Preprocessing {
  std::size_t channels = 3;
  std::size_t resize =
      0;                 // the shorter side becomes as long, the other keeps the ratio; 0: neither
  std::size_t crop = 0;  // a square from the middle; 0: none
  bool antialias = true;
  double scale = 1;                // first; then minus mean, divided by deviation
  std::vector<double> mean = {0};  // one for each channel, or one for all
  std::vector<double> deviation = {1};
};

class Preprocessor {
 public:
  /// Throws std::runtime_error where the numbers of means or deviations do not fit the channels.
  explicit Preprocessor(Preprocessing options);

  /// What images of this size become. Throws std::runtime_error where the crop is larger than them.
  ImageSize output_size(ImageSize input) const;
  /// images: rows of pixels, each of `channels` bytes; as many images as fit. Gives planes of floats.
  std::vector<float> run(std::span<const std::uint8_t> images, ImageSize size);

 private:
  struct Plan {
    ImageSize from, to;
    Taps vertical, horizontal;
  };
  void prepare(ImageSize size);
  void copy(const std::uint8_t* image, float* planes) const;
  void resample(const std::uint8_t* image, float* planes);

  Preprocessing options_;
  std::vector<float> factors_, offsets_;  // of each channel: value * factor + offset
  std::optional<Plan> plan_;              // of the size that came last
  std::vector<float> rows_;               // after the horizontal pass
};

}  // namespace scanflow::serving
