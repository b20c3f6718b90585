// image.preprocess: raw images to what a network takes.
#pragma once

#include <cstdint>
#include <optional>
#include <scanflow/step.hpp>
#include <string>
#include <utility>
#include <vector>

#include "plugins/steps/serving/preprocessor.hpp"

namespace scanflow::serving {

/// The defaults are those of networks trained on ImageNet.
struct PreprocessConfig {
  std::string layout = "NHWC";
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 3;
  std::int64_t resize = 256;
  std::int64_t crop = 224;
  bool antialias = true;
  double scale = 1.0 / 255;
  std::vector<double> mean = {0.485, 0.456, 0.406};
  std::vector<double> std = {0.229, 0.224, 0.225};

  template <class V>
  void fields(V& f) {
    f("layout", layout)
        .one_of({"NHWC", "NHW"})
        .doc("of the images that come: pixels of `channels` bytes, or grey ones without that axis");
    f("height", height).min(0).max(16'384).doc("pixels of the images that come; 0: any");
    f("width", width).min(0).max(16'384).doc("as height; where both are set, requests are batched");
    f("channels", channels).min(1).max(4).doc("bytes a pixel");
    f("resize", resize)
        .min(0)
        .max(4'096)
        .doc("pixels: the shorter side becomes as long, the other keeps the ratio; 0: no resizing");
    f("crop", crop)
        .min(0)
        .max(4'096)
        .doc("pixels a side of the square taken from the middle; 0: all");
    f("antialias", antialias).doc("where it shrinks, each pixel is the mean of those it covers");
    f("scale", scale)
        .above(0)
        .max(1e6)
        .doc("each byte times this, then minus mean, divided by std");
    f("mean", mean).min_items(1).max_items(4).doc("of each channel, or one for all");
    f("std", std).above(0).min_items(1).max_items(4).doc("of each channel, or one for all");
  }
};

class Preprocess : public Step, public Inference {
 public:
  using Config = PreprocessConfig;
  static Description describe();
  explicit Preprocess(Config config) : config_(std::move(config)) {}
  nlohmann::json run(Context& /*context*/) override { throw_serves_online_only(); }
  Signature load(const Loading& loading) override;
  void infer(const Tensors& inputs, TensorOutputs& outputs) override;

 private:
  PreprocessConfig config_;
  std::optional<Preprocessor> preprocessor_;
};

}  // namespace scanflow::serving
