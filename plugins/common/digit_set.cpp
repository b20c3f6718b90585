#include "plugins/common/digit_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

#include "plugins/common/byte_source.hpp"
#include "plugins/common/idx.hpp"

namespace scanflow::data {
namespace {

constexpr std::size_t kLabelsHeader = 8;  // bytes

std::filesystem::path plain_or_gzip(const std::filesystem::path& directory, const char* name) {
  for (const char* ending : {"", ".gz"}) {
    auto path = directory / (std::string(name) + ending);
    if (std::filesystem::exists(path)) return path;
  }
  throw std::runtime_error(
      fmt::format("{}: no file {} or {}.gz there; a dataset is a directory with {} and {}",
                  directory.string(), name, name, kImagesFile, kLabelsFile));
}

}  // namespace

void DigitSet::add(std::span<const std::uint8_t> image, std::uint8_t label) {
  pixels.insert(pixels.end(), image.begin(), image.end());
  labels.push_back(label);
}

DigitSet DigitSet::select(std::span<const std::size_t> positions) const {
  DigitSet out;
  out.pixels.reserve(positions.size() * kPixels);
  out.labels.reserve(positions.size());
  for (const std::size_t position : positions) out.add(image(position), labels.at(position));
  return out;
}

DigitSet read_digits(const std::filesystem::path& images, const std::filesystem::path& labels) {
  IdxArray pixels = read_idx(images, 3);
  IdxArray classes = read_idx(labels, 1);
  if (pixels.shape[1] != kSide || pixels.shape[2] != kSide) {
    throw std::runtime_error(fmt::format("{}: images of {}x{} pixels at byte 8, expected {}x{}",
                                         images.string(), pixels.shape[1], pixels.shape[2], kSide,
                                         kSide));
  }
  if (pixels.shape[0] != classes.shape[0]) {
    throw std::runtime_error(
        fmt::format("{} images in {}, but {} labels in {}: the two do not belong together",
                    group_digits(pixels.shape[0]), images.string(), group_digits(classes.shape[0]),
                    labels.string()));
  }
  const auto bad = std::find_if(classes.bytes.begin(), classes.bytes.end(),
                                [](std::uint8_t label) { return label >= kClasses; });
  if (bad != classes.bytes.end()) {
    const auto position = static_cast<std::size_t>(bad - classes.bytes.begin());
    throw std::runtime_error(
        fmt::format("{}: label {} at byte {} (item {}), expected 0 to 9", labels.string(), *bad,
                    group_digits(kLabelsHeader + position), group_digits(position)));
  }
  return {std::move(pixels.bytes), std::move(classes.bytes)};
}

DigitSet read_dataset(const std::filesystem::path& directory) {
  if (!std::filesystem::is_directory(directory)) {
    throw std::runtime_error(
        fmt::format("{}: no such directory; a dataset is a directory with {} and {}",
                    directory.string(), kImagesFile, kLabelsFile));
  }
  const auto images = plain_or_gzip(directory, kImagesFile);
  return read_digits(images, plain_or_gzip(directory, kLabelsFile));
}

void write_dataset(const std::filesystem::path& directory, const DigitSet& digits) {
  const auto count = static_cast<std::uint32_t>(digits.size());
  write_idx(directory / kImagesFile, std::array{count, kSide, kSide}, digits.pixels);
  write_idx(directory / kLabelsFile, std::array{count}, digits.labels);
}

}  // namespace scanflow::data
