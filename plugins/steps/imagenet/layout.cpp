#include "plugins/steps/imagenet/layout.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <stdexcept>

namespace scanflow::imagenet {
namespace {

constexpr std::size_t kShownDifferences = 3;
constexpr std::int64_t kExpansion = 4;  // a block's outputs, of the width of its 3x3 convolution

struct Stage {
  int blocks;
  std::int64_t width;
  std::int64_t stride;  // of its first block
};
constexpr std::array kStages{Stage{3, 64, 1}, Stage{4, 128, 2}, Stage{6, 256, 2}, Stage{3, 512, 2}};

Block block_of(const std::string& name, std::int64_t inputs, std::int64_t width,
               std::int64_t stride, bool first) {
  const std::int64_t outputs = width * kExpansion;
  Block block{{name + "conv1", name + "bn1", inputs, width, 1, 1},
              {name + "conv2", name + "bn2", width, width, 3, stride},
              {name + "conv3", name + "bn3", width, outputs, 1, 1},
              {}};
  if (first) {
    block.shortcut =
        Convolution{name + "downsample.0", name + "downsample.1", inputs, outputs, 1, stride};
  }
  return block;
}

}  // namespace

std::vector<Convolution> Layout::convolutions() const {
  std::vector<Convolution> all = {stem};
  for (const Block& block : blocks) {
    all.insert(all.end(), {block.reduce, block.spatial, block.expand});
    if (block.shortcut) all.push_back(*block.shortcut);
  }
  return all;
}

Layout resnet50() {
  Layout layout{{"conv1", "bn1", kChannels, 64, 7, 2}, {}};
  std::int64_t inputs = layout.stem.outputs;
  for (std::size_t stage = 0; stage < kStages.size(); ++stage) {
    const auto [blocks, width, stride] = kStages[stage];
    for (int i = 0; i < blocks; ++i) {
      layout.blocks.push_back(block_of(fmt::format("layer{}.{}.", stage + 1, i), inputs, width,
                                       i == 0 ? stride : 1, i == 0));
      inputs = width * kExpansion;
    }
  }
  return layout;
}

Shapes shapes_of(const Layout& layout) {
  Shapes shapes = {{"fc.weight", {kClasses, kFeatures}}, {"fc.bias", {kClasses}}};
  const auto convolutions = layout.convolutions();
  for (const Convolution& c : convolutions) {
    shapes[c.name + ".weight"] = {c.outputs, c.inputs, c.kernel, c.kernel};
    for (const char* of_norm : {".weight", ".bias", ".running_mean", ".running_var"})
      shapes[c.norm + of_norm] = {c.outputs};
  }
  return shapes;
}

std::int64_t parameters_of(const Layout& layout) {
  std::int64_t total = 0;
  const Shapes shapes = shapes_of(layout);
  for (const auto& [name, shape] : shapes) {
    if (name.find(".running_") != std::string::npos) continue;
    std::int64_t size = 1;
    for (const std::int64_t side : shape) size *= side;
    total += size;
  }
  return total;
}

void check_fit(const Layout& layout, const Shapes& found, const std::string& file) {
  const Shapes expected = shapes_of(layout);
  std::vector<std::string> wrong;
  for (const auto& [name, shape] : expected) {
    const auto it = found.find(name);
    if (it == found.end()) {
      wrong.push_back(name + " is missing");
    } else if (it->second != shape) {
      wrong.push_back(fmt::format("{} is [{}], expected [{}]", name, fmt::join(it->second, ", "),
                                  fmt::join(shape, ", ")));
    }
  }
  for (const auto& each : found) {
    if (!expected.contains(each.first) && !each.first.ends_with(".num_batches_tracked"))
      wrong.push_back(each.first + " is not part of it");
  }
  if (wrong.empty()) return;
  const std::size_t shown = std::min(kShownDifferences, wrong.size());
  const std::vector<std::string> first(wrong.begin(),
                                       wrong.begin() + static_cast<std::ptrdiff_t>(shown));
  throw std::runtime_error(fmt::format(
      "{}: these weights are not ResNet-50's: {}{}; give the state dict of "
      "torchvision.models.resnet50, saved with torch.save(dict(net.state_dict()), file)",
      file, fmt::join(first, "; "),
      wrong.size() > shown ? fmt::format("; and {} more", wrong.size() - shown) : ""));
}

}  // namespace scanflow::imagenet
