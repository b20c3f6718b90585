#include "plugins/steps/torch/architecture.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "plugins/common/digit_set.hpp"

namespace scanflow::cnn {
namespace {

constexpr std::array kArchitectures{
    Architecture{"cnn1", 8, 5, 16, 5, 64},
    Architecture{"cnn2", 16, 3, 32, 3, 128},
};

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::vector<std::string> differences(const Shapes& expected, const Shapes& found) {
  std::vector<std::string> out;
  for (const auto& [name, shape] : expected) {
    const auto it = found.find(name);
    if (it == found.end()) {
      out.push_back(fmt::format("{} {} is missing", name, shape_text(shape)));
    } else if (it->second != shape) {
      out.push_back(
          fmt::format("{} is {}, expected {}", name, shape_text(it->second), shape_text(shape)));
    }
  }
  for (const auto& [name, shape] : found) {
    if (!expected.contains(name)) {
      out.push_back(fmt::format("{} {} is not part of it", name, shape_text(shape)));
    }
  }
  return out;
}

}  // namespace

std::int64_t Architecture::flat() const {
  const std::int64_t side1 = (data::kSide - kernel1 + 1) / 2;
  const std::int64_t side2 = (side1 - kernel2 + 1) / 2;
  return channels2 * side2 * side2;
}

std::int64_t Architecture::parameters() const {
  std::int64_t total = 0;
  for (const auto& tensor : shapes_of(*this)) {
    std::int64_t size = 1;
    for (const std::int64_t side : tensor.second) size *= side;
    total += size;
  }
  return total;
}

std::span<const Architecture> architectures() { return kArchitectures; }

const Architecture& architecture(std::string_view name) {
  for (const Architecture& known : kArchitectures) {
    if (known.name == name) return known;
  }
  throw std::runtime_error(fmt::format("unknown model '{}'; there are cnn1 and cnn2", name));
}

Shapes shapes_of(const Architecture& a) {
  return {{"conv1.weight", {a.channels1, 1, a.kernel1, a.kernel1}},
          {"conv1.bias", {a.channels1}},
          {"conv2.weight", {a.channels2, a.channels1, a.kernel2, a.kernel2}},
          {"conv2.bias", {a.channels2}},
          {"hidden.weight", {a.hidden, a.flat()}},
          {"hidden.bias", {a.hidden}},
          {"classes.weight", {data::kClasses, a.hidden}},
          {"classes.bias", {data::kClasses}}};
}

const Architecture& deduce(const Shapes& found, const std::string& file) {
  const Architecture* nearest = nullptr;
  std::vector<std::string> fewest;
  for (const Architecture& known : kArchitectures) {
    auto wrong = differences(shapes_of(known), found);
    if (wrong.empty()) return known;
    if (nearest == nullptr || wrong.size() < fewest.size()) {
      nearest = &known;
      fewest = std::move(wrong);
    }
  }
  throw std::runtime_error(
      fmt::format("{}: these weights belong to none of our models (cnn1, cnn2); nearest is {}: {}",
                  file, nearest->name, fmt::join(fewest, "; ")));
}

void check_fit(const Architecture& architecture, const Shapes& found, const std::string& file) {
  const auto wrong = differences(shapes_of(architecture), found);
  if (wrong.empty()) return;
  std::string fix;
  for (const Architecture& other : kArchitectures) {
    if (differences(shapes_of(other), found).empty()) {
      fix = fmt::format("; these are weights of {}: set model to it", other.name);
    }
  }
  throw std::runtime_error(fmt::format("{}: the weights do not fit model {}: {}{}", file,
                                       architecture.name, fmt::join(wrong, "; "), fix));
}

}  // namespace scanflow::cnn
