// Labelled images of digits, and the dataset directory in which steps hand them on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace scanflow::data {

constexpr std::uint32_t kSide = 28;  // pixels; the networks and the format of MNIST know no other
constexpr std::size_t kPixels = std::size_t{kSide} * kSide;
constexpr std::uint8_t kClasses = 10;

constexpr const char* kImagesFile = "images-idx3-ubyte";
constexpr const char* kLabelsFile = "labels-idx1-ubyte";

/// Images of 28x28 grey values (0 background, 255 ink), row by row, and their labels 0 to 9.
struct DigitSet {
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> labels;

  std::size_t size() const { return labels.size(); }
  std::span<const std::uint8_t> image(std::size_t index) const {
    return std::span(pixels).subspan(index * kPixels, kPixels);
  }
  void add(std::span<const std::uint8_t> image, std::uint8_t label);
  /// The digits at these positions, in this order.
  DigitSet select(std::span<const std::size_t> positions) const;
};

/// Reads two IDX files, plain or gzip. Throws std::runtime_error as read_idx does, and where the
/// counts differ, the images are not 28x28 or a label is not a digit (with its byte).
DigitSet read_digits(const std::filesystem::path& images, const std::filesystem::path& labels);

/// A dataset directory: images-idx3-ubyte and labels-idx1-ubyte, plain or with .gz.
DigitSet read_dataset(const std::filesystem::path& directory);
void write_dataset(const std::filesystem::path& directory, const DigitSet& digits);

}  // namespace scanflow::data
