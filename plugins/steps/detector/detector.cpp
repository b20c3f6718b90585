#include "plugins/steps/detector/detector.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include "plugins/steps/detector/autoencoder.hpp"

namespace scanflow::detector {

struct Detector::Impl {
  Loaded loaded;
};

Detector::Detector(const std::filesystem::path& file, int threads) {
  at::set_num_threads(threads);
  impl_ = std::make_unique<Impl>(Impl{read_detector(file)});
  errors(std::vector<float>(data::kPixels));
}

Detector::~Detector() = default;

const Threshold& Detector::threshold() const { return impl_->loaded.threshold; }

std::vector<float> Detector::errors(std::span<const float> images) {
  const c10::InferenceMode inference;
  const auto count = static_cast<std::int64_t>(images.size() / data::kPixels);
  const at::Tensor grey = at::from_blob(const_cast<float*>(images.data()),
                                        {count, std::int64_t{data::kPixels}}, at::kFloat);
  const at::Tensor found = errors_of(*impl_->loaded.network, grey.div(255.0F)).contiguous();
  const auto* values = found.data_ptr<float>();
  return {values, values + found.numel()};
}

}  // namespace scanflow::detector
