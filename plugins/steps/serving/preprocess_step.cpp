#include "plugins/steps/serving/preprocess_step.hpp"

#include <fmt/format.h>

namespace scanflow::serving {
namespace {

std::int64_t size_or_any(std::int64_t size) { return size == 0 ? -1 : size; }

std::size_t positive(std::int64_t value) { return static_cast<std::size_t>(value); }

}  // namespace

Description Preprocess::describe() {
  return {.id = "image.preprocess",
          .version = "1.0.0",
          .summary = "Resizes, crops and normalises raw images for a network, online"};
}

Signature Preprocess::load(const Loading& /*loading*/) {
  if (config_.layout == "NHW" && config_.channels != 1) {
    throw Error(
        fmt::format("layout is NHW, so images have one channel, but channels is {}: set "
                    "channels to 1 (and mean and std to one value), or layout to NHWC",
                    config_.channels));
  }
  preprocessor_.emplace(Preprocessing{positive(config_.channels), positive(config_.resize),
                                      positive(config_.crop), config_.antialias, config_.scale,
                                      config_.mean, config_.std});
  const bool fixed = config_.height > 0 && config_.width > 0;
  const std::int64_t crop = size_or_any(config_.crop);
  Shape image = {-1, size_or_any(config_.height), size_or_any(config_.width)};
  if (config_.layout == "NHWC") image.push_back(config_.channels);
  Shape planes = {-1, config_.channels, crop, crop};
  if (fixed) {
    const ImageSize out =
        preprocessor_->output_size({positive(config_.height), positive(config_.width)});
    planes[2] = static_cast<std::int64_t>(out.height);
    planes[3] = static_cast<std::int64_t>(out.width);
  }
  return {.inputs = {{"image", DataType::uint8, image}},
          .outputs = {{"images", DataType::fp32, planes}},
          .batchable = fixed};
}

void Preprocess::infer(const Tensors& inputs, TensorOutputs& outputs) {
  const TensorView image = inputs["image"];
  const auto shape = image.shape();
  const ImageSize size = {positive(shape[1]), positive(shape[2])};
  if (size.height == 0 || size.width == 0) throw Invalid("the images have no pixels");
  ImageSize to;
  try {
    to = preprocessor_->output_size(size);
  } catch (const std::runtime_error& error) {
    throw Invalid(error.what());
  }
  const auto planes = preprocessor_->run(image.values<std::uint8_t>(), size);
  const Shape out = {shape[0], config_.channels, static_cast<std::int64_t>(to.height),
                     static_cast<std::int64_t>(to.width)};
  outputs.put("images", out, std::span<const float>(planes));
}

}  // namespace scanflow::serving
