// A network that is asked again and again. Without libtorch's headers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace scanflow::cnn {

class Online {
 public:
  /// Loads the weights and runs once, so that no request pays for what torch does at first. Throws
  /// std::runtime_error.
  Online(const std::filesystem::path& weights, int threads);
  ~Online();
  Online(const Online&) = delete;
  Online& operator=(const Online&) = delete;

  const std::string& model() const;
  /// images: rows of kPixels, grey values 0 (background) to 255 (ink). Probabilities: kClasses for
  /// each row. [any-thread, one at a time]
  std::vector<float> probabilities(std::span<const float> images);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::cnn
