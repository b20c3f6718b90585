#include "plugins/steps/serving/preprocessor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace scanflow::serving {
namespace {

double of_channel(const std::vector<double>& values, std::size_t channel) {
  return values.size() == 1 ? values[0] : values[channel];
}

ImageSize resized(ImageSize size, std::size_t shorter) {
  if (shorter == 0) return size;
  const std::size_t least = std::min(size.height, size.width);
  const auto side = [&](std::size_t length) {  // rounded down, as torchvision does
    return length == least ? shorter : shorter * length / least;
  };
  return {side(size.height), side(size.width)};
}

/// Where a crop from the middle begins: half to even, as Python rounds.
std::size_t crop_start(std::size_t length, std::size_t crop) {
  return static_cast<std::size_t>(std::nearbyint(static_cast<double>(length - crop) / 2));
}

}  // namespace

Preprocessor::Preprocessor(Preprocessing options) : options_(std::move(options)) {
  const auto check = [&](const std::vector<double>& values, const char* name) {
    if (values.size() == 1 || values.size() == options_.channels) return;
    throw std::runtime_error(
        fmt::format("{} has {} values, but images have {} channel(s): give one "
                    "for each, or one for all",
                    name, values.size(), options_.channels));
  };
  check(options_.mean, "mean");
  check(options_.deviation, "std");
  for (std::size_t c = 0; c < options_.channels; ++c) {
    const double deviation = of_channel(options_.deviation, c);
    factors_.push_back(static_cast<float>(options_.scale / deviation));
    offsets_.push_back(static_cast<float>(-of_channel(options_.mean, c) / deviation));
  }
}

ImageSize Preprocessor::output_size(ImageSize input) const {
  const ImageSize size = resized(input, options_.resize);
  if (options_.crop == 0) return size;
  if (size.height < options_.crop || size.width < options_.crop) {
    throw std::runtime_error(fmt::format(
        "images of {}x{} pixels are {}x{} when the crop of {} is taken: set resize to at least "
        "the crop, or send larger images",
        input.height, input.width, size.height, size.width, options_.crop));
  }
  return {options_.crop, options_.crop};
}

void Preprocessor::prepare(ImageSize size) {
  if (plan_ && plan_->from == size) return;
  const ImageSize to = output_size(size), whole = resized(size, options_.resize);
  plan_ = {size, to,
           bilinear(size.height, whole.height, crop_start(whole.height, to.height), to.height,
                    options_.antialias),
           bilinear(size.width, whole.width, crop_start(whole.width, to.width), to.width,
                    options_.antialias)};
}

std::vector<float> Preprocessor::run(std::span<const std::uint8_t> images, ImageSize size) {
  const std::size_t bytes = size.height * size.width * options_.channels;
  if (bytes == 0 || images.empty()) return {};
  prepare(size);
  const std::size_t values = plan_->to.height * plan_->to.width * options_.channels;
  std::vector<float> planes(images.size() / bytes * values);
  for (std::size_t i = 0; (i + 1) * bytes <= images.size(); ++i) {
    if (plan_->vertical.identity && plan_->horizontal.identity) {
      copy(&images[i * bytes], &planes[i * values]);
    } else {
      resample(&images[i * bytes], &planes[i * values]);
    }
  }
  return planes;
}

void Preprocessor::copy(const std::uint8_t* image, float* planes) const {
  const std::size_t channels = options_.channels, row = plan_->from.width * channels;
  const std::size_t top = plan_->vertical.starts[0], left = plan_->horizontal.starts[0];
  for (std::size_t c = 0; c < channels; ++c) {
    const float factor = factors_[c], offset = offsets_[c];
    for (std::size_t y = 0; y < plan_->to.height; ++y) {
      const std::uint8_t* from = image + (top + y) * row + left * channels + c;
      for (std::size_t x = 0; x < plan_->to.width; ++x)
        *planes++ = static_cast<float>(from[x * channels]) * factor + offset;
    }
  }
}

void Preprocessor::resample(const std::uint8_t* image, float* planes) {
  const Taps &down = plan_->vertical, &across = plan_->horizontal;
  const std::size_t channels = options_.channels, width = plan_->to.width;
  const std::size_t first = down.starts[0], end = down.end();
  // Rows that the vertical pass needs: {row, channel, x}.
  rows_.assign((end - first) * channels * width, 0);
  for (std::size_t y = first; y < end; ++y) {
    const std::uint8_t* from = image + y * plan_->from.width * channels;
    for (std::size_t c = 0; c < channels; ++c) {
      float* row = &rows_[((y - first) * channels + c) * width];
      for (std::size_t x = 0; x < width; ++x) {
        const std::uint8_t* pixel = from + across.starts[x] * channels + c;
        const float* weights = &across.weights[x * across.taps];
        float sum = 0;
        for (std::size_t j = 0; j < across.taps; ++j)
          sum += weights[j] * static_cast<float>(pixel[j * channels]);
        row[x] = sum;
      }
    }
  }
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t y = 0; y < plan_->to.height; ++y, planes += width) {
      std::fill_n(planes, width, offsets_[c]);
      for (std::size_t j = 0; j < down.taps; ++j) {
        const float weight = down.weights[y * down.taps + j] * factors_[c];
        const float* row = &rows_[((down.starts[y] + j - first) * channels + c) * width];
        for (std::size_t x = 0; x < width; ++x) planes[x] += weight * row[x];
      }
    }
  }
}

}  // namespace scanflow::serving
