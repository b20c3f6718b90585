// torch.resnet50: names the class of photographs, online.
#include <fmt/format.h>

#include <scanflow/step.hpp>

#include "plugins/steps/imagenet/classifier.hpp"

namespace scanflow::imagenet {
namespace {

struct Resnet50Config {
  std::int64_t seed = 1;

  template <class V>
  void fields(V& f) {
    f("seed", seed)
        .min(0)
        .doc(
            "where the node has no model: draws the weights; what is predicted then means nothing, "
            "what it costs is as with real ones");
  }
};

class Resnet50 : public Step, public Inference {
 public:
  using Config = Resnet50Config;
  static Description describe();
  explicit Resnet50(Config config) : config_(config) {}
  nlohmann::json run(Context& /*context*/) override { throw_serves_online_only(); }
  Signature load(const Loading& loading) override;
  void infer(const Tensors& inputs, TensorOutputs& outputs) override;

 private:
  Resnet50Config config_;
  std::unique_ptr<Classifier> classifier_;
};

Description Resnet50::describe() {
  return {.id = "torch.resnet50",
          .version = "1.0.0",
          .summary = "Classifies images of 224x224 pixels into ImageNet's 1,000 classes, online",
          .inputs = {{"model",
                      "state dict under torchvision's names (resnet50), saved in Python with "
                      "torch.save(dict(net.state_dict()), file)",
                      optional}}};
}

Signature Resnet50::load(const Loading& loading) {
  std::optional<std::filesystem::path> weights;
  if (loading.has_input("model")) weights = loading.input("model");
  classifier_ = std::make_unique<Classifier>(weights, static_cast<std::uint64_t>(config_.seed),
                                             loading.threads());
  return {.inputs = {{"images", DataType::fp32, {-1, kChannels, kSide, kSide}}},
          .outputs = {{"logits", DataType::fp32, {-1, kClasses}},
                      {"probabilities", DataType::fp32, {-1, kClasses}}},
          .batchable = true};
}

void Resnet50::infer(const Tensors& inputs, TensorOutputs& outputs) {
  const TensorView images = inputs["images"];
  const auto answer = classifier_->classify(images.values<float>());
  const Shape shape = {images.shape()[0], kClasses};
  outputs.put("logits", shape, std::span<const float>(answer.logits));
  outputs.put("probabilities", shape, std::span<const float>(answer.probabilities));
}

}  // namespace
}  // namespace scanflow::imagenet

// It is forked after loading: no initialiser here may touch torch before an instance is loaded.
SCANFLOW_PLUGIN("imagenet", "1.0.0", scanflow::imagenet::Resnet50)
