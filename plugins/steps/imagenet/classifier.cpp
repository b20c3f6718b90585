#include "plugins/steps/imagenet/classifier.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "plugins/steps/imagenet/resnet.hpp"

namespace scanflow::imagenet {
namespace {

// Images that go through the network together: what lies between its layers then stays small enough
// for caches and the allocator. Eight at once take nearly twice as long as twice four.
constexpr std::int64_t kAtOnce = 4;

data::StateDict checked_weights(const Layout& layout, const std::filesystem::path& file) {
  data::StateDict weights = data::read_state_dict(file, "a state dict of ResNet-50");
  Shapes shapes;
  for (const auto& [name, tensor] : weights) shapes[name] = tensor.sizes().vec();
  check_fit(layout, shapes, file.string());
  return weights;
}

void append(const at::Tensor& values, std::vector<float>& to) {
  const auto* first = values.data_ptr<float>();
  to.insert(to.end(), first, first + values.numel());
}

}  // namespace

struct Classifier::Impl {
  Resnet network;
};

Classifier::Classifier(const std::optional<std::filesystem::path>& weights, std::uint64_t seed,
                       int threads) {
  at::set_num_threads(threads);
  const Layout layout = resnet50();
  impl_ = std::make_unique<Impl>(Impl{
      Resnet(layout, weights ? checked_weights(layout, *weights) : seeded_weights(layout, seed))});
  classify(std::vector<float>(kPixels));
}

Classifier::~Classifier() = default;

Classifier::Answer Classifier::classify(std::span<const float> images) {
  const c10::InferenceMode inference;
  const auto count = static_cast<std::int64_t>(images.size() / kPixels);
  if (count == 0) return {};
  const at::Tensor batch = at::from_blob(const_cast<float*>(images.data()),
                                         {count, kChannels, kSide, kSide}, at::kFloat);
  Answer answer;
  for (std::int64_t first = 0; first < count; first += kAtOnce) {
    const at::Tensor part = batch.narrow(0, first, std::min(kAtOnce, count - first));
    const at::Tensor logits = impl_->network.logits(part).contiguous();
    append(logits, answer.logits);
    append(at::softmax(logits, 1).contiguous(), answer.probabilities);
  }
  return answer;
}

}  // namespace scanflow::imagenet
