#include "plugins/steps/imagenet/resnet.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <string>

namespace scanflow::imagenet {
namespace {

constexpr double kLastScale = 0.2;

}  // namespace

data::StateDict seeded_weights(const Layout& layout, std::uint64_t seed) {
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  data::StateDict weights;
  const auto convolutions = layout.convolutions();
  for (const Convolution& c : convolutions) {
    const double deviation = std::sqrt(2.0 / static_cast<double>(c.outputs * c.kernel * c.kernel));
    weights[c.name + ".weight"] =
        at::empty({c.outputs, c.inputs, c.kernel, c.kernel}).normal_(0, deviation, generator);
    weights[c.norm + ".weight"] =
        at::full({c.outputs}, c.norm.ends_with(".bn3") ? kLastScale : 1.0);
    weights[c.norm + ".bias"] = at::zeros({c.outputs});
    weights[c.norm + ".running_mean"] = at::zeros({c.outputs});
    weights[c.norm + ".running_var"] = at::ones({c.outputs});
  }
  const double bound = 1.0 / std::sqrt(static_cast<double>(kFeatures));
  weights["fc.weight"] = at::empty({kClasses, kFeatures}).uniform_(-bound, bound, generator);
  weights["fc.bias"] = at::empty({kClasses}).uniform_(-bound, bound, generator);
  return weights;
}

Resnet::Resnet(const Layout& layout, const data::StateDict& weights) : onednn_(at::hasMKLDNN()) {
  const c10::InferenceMode inference;
  stem_ = fold(layout.stem, weights);
  for (const Block& block : layout.blocks) {
    blocks_.push_back({fold(block.reduce, weights),
                       fold(block.spatial, weights),
                       fold(block.expand, weights),
                       {}});
    if (block.shortcut) blocks_.back().shortcut = fold(*block.shortcut, weights);
  }
  fc_weight_ = weights.at("fc.weight").to(at::kFloat).clone();
  fc_bias_ = weights.at("fc.bias").to(at::kFloat).clone();
}

Folded Resnet::fold(const Convolution& c, const data::StateDict& weights) const {
  const auto of_norm = [&](const char* name) { return weights.at(c.norm + name).to(at::kDouble); };
  const at::Tensor scale = of_norm(".weight").div(of_norm(".running_var").add(kEpsilon).sqrt());
  Folded folded{
      weights.at(c.name + ".weight").to(at::kDouble).mul(scale.view({-1, 1, 1, 1})).to(at::kFloat),
      of_norm(".bias").sub(of_norm(".running_mean").mul(scale)).to(at::kFloat), c.stride,
      c.kernel / 2};
  if (onednn_) {
    // Of each dimension: it does not expand single numbers.
    folded.weight = at::mkldnn_reorder_conv2d_weight(folded.weight.to_mkldnn(),
                                                     {folded.padding, folded.padding},
                                                     {folded.stride, folded.stride}, {1, 1}, 1);
    folded.bias = folded.bias.to_mkldnn();
  }
  return folded;
}

at::Tensor Resnet::apply(const Folded& f, const at::Tensor& x) const {
  return at::conv2d(x, f.weight, f.bias, f.stride, f.padding);
}

at::Tensor Resnet::logits(const at::Tensor& images) const {
  const c10::InferenceMode inference;
  at::Tensor x = onednn_ ? images.to_mkldnn() : images;
  x = apply(stem_, x).relu_();
  x = at::max_pool2d(x, 3, 2, 1);
  for (const FoldedBlock& block : blocks_) {
    at::Tensor y = apply(block.reduce, x).relu_();
    y = apply(block.spatial, y).relu_();
    y = apply(block.expand, y);
    y.add_(block.shortcut ? apply(*block.shortcut, x) : x);
    x = y.relu_();
  }
  if (onednn_) x = x.to_dense();
  return at::linear(x.mean({2, 3}), fc_weight_, fc_bias_);
}

}  // namespace scanflow::imagenet
