// ResNet-50 as data (He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2016), in the
// variant that is called v1.5 and that torchvision has: the 3x3 convolution of a block strides, not
// its first 1x1. Without libtorch.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace scanflow::imagenet {

constexpr std::int64_t kChannels = 3;  // red, green, blue
constexpr std::int64_t kSide = 224;    // pixels
constexpr std::int64_t kClasses = 1000;
constexpr std::int64_t kFeatures = 2048;  // channels that reach the last layer
constexpr double kEpsilon = 1e-5;         // of batch normalisation

/// A convolution without bias, and the batch normalisation after it. Padded by half its kernel.
struct Convolution {
  std::string name;  // in the state dict: "layer1.0.conv2"
  std::string norm;  // "layer1.0.bn2"
  std::int64_t inputs = 0, outputs = 0;
  std::int64_t kernel = 1;  // pixels a side
  std::int64_t stride = 1;
};

/// 1x1, 3x3 and 1x1, with ReLU between them; what came in is added, then ReLU.
struct Block {
  Convolution reduce, spatial, expand;
  std::optional<Convolution> shortcut;  // for what came in, where its shape differs
};

/// Stem, ReLU, 3x3 maximum with stride 2; blocks; mean over all pixels; one linear layer ("fc").
struct Layout {
  Convolution stem;
  std::vector<Block> blocks;

  std::vector<Convolution> convolutions() const;
};

Layout resnet50();

/// Tensor name -> shape.
using Shapes = std::map<std::string, std::vector<std::int64_t>>;

/// All tensors that inference needs, under torchvision's names.
Shapes shapes_of(const Layout& layout);
/// As it is usually counted: without the running means and variances. ResNet-50: 25,557,032.
std::int64_t parameters_of(const Layout& layout);

/// Throws std::runtime_error naming what is missing, superfluous or of another shape. Counters that
/// torchvision keeps beside each normalisation (num_batches_tracked) may be there or not.
void check_fit(const Layout& layout, const Shapes& found, const std::string& file);

}  // namespace scanflow::imagenet
