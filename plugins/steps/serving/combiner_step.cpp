#include "plugins/steps/serving/combiner_step.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "plugins/steps/serving/combine.hpp"

namespace scanflow::serving {
namespace {

struct Part {
  TensorView tensor;
  double weight;
};
/// By the name that the tensors share, in the order in which the nodes come.
using Groups = std::map<std::string, std::vector<Part>, std::less<>>;

/// "cnn1.probabilities" -> "cnn1", "probabilities". Names of nodes have no dot.
std::pair<std::string_view, std::string_view> node_and_tensor(std::string_view name) {
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) {
    throw Error(
        fmt::format("the tensor '{}' is not named NODE.TENSOR: use combiner.mean as a "
                    "COMBINER, after several nodes",
                    name));
  }
  return {name.substr(0, dot), name.substr(dot + 1)};
}

void check_alike(const TensorView& first, const TensorView& other) {
  const auto a = first.shape(), b = other.shape();
  if (first.type() == other.type() && std::equal(a.begin(), a.end(), b.begin(), b.end())) return;
  throw Error(
      fmt::format("{} is {} [{}], but {} is {} [{}]: only tensors of one type and shape "
                  "can be combined",
                  first.name(), name(first.type()), fmt::join(a, ","), other.name(),
                  name(other.type()), fmt::join(b, ",")));
}

template <class T, class Combine>
void put_combined(std::string_view name, const std::vector<Part>& parts, const Combine& combine,
                  TensorOutputs& outputs) {
  std::vector<Voice<T>> voices;
  voices.reserve(parts.size());
  for (const Part& part : parts) voices.push_back({part.tensor.values<T>(), part.weight});
  const std::vector<T> values = combine(voices);
  outputs.put(name, parts[0].tensor.shape(), std::span<const T>(values));
}

void put_group(std::string_view name, const std::vector<Part>& parts, TensorOutputs& outputs) {
  switch (parts[0].tensor.type()) {
    case DataType::fp32:
      return put_combined<float>(name, parts, weighted_mean<float>, outputs);
    case DataType::fp64:
      return put_combined<double>(name, parts, weighted_mean<double>, outputs);
    case DataType::int32:
      return put_combined<std::int32_t>(name, parts, majority<std::int32_t>, outputs);
    case DataType::int64:
      return put_combined<std::int64_t>(name, parts, majority<std::int64_t>, outputs);
    default:
      throw Error(
          fmt::format("{} is of {}, which has neither mean nor majority here: FP32, FP64, "
                      "INT32 and INT64 have",
                      parts[0].tensor.name(), sdk::name(parts[0].tensor.type())));
  }
}

}  // namespace

Description MeanCombiner::describe() {
  return {.id = "combiner.mean",
          .version = "1.0.0",
          .summary =
              "Combines the answers of several nodes: means of scores, majorities of classes, "
              "online"};
}

Signature MeanCombiner::load(const Loading& /*loading*/) {
  if (!config_.weights.is_object())
    throw Error("weights is no object: give numbers by names of nodes, {cnn1: 1, cnn2: 3}");
  for (const auto& [node, weight] : config_.weights.items()) {
    if (!weight.is_number() || weight < 0)
      throw Error(fmt::format("weights.{} is {}: give a number, 0 or more", node, weight.dump()));
    weights_[node] = weight;
  }
  return {};  // takes whatever nodes there are, and gives what they share
}

double MeanCombiner::weight_of(std::string_view node) const {
  const auto found = weights_.find(node);
  return found == weights_.end() ? 1.0 : found->second;
}

void MeanCombiner::infer(const Tensors& inputs, TensorOutputs& outputs) {
  Groups groups;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const TensorView tensor = inputs.at(i);
    const auto [node, shared] = node_and_tensor(tensor.name());
    const double weight = weight_of(node);
    if (weight == 0) continue;
    auto& parts = groups[std::string(shared)];
    if (!parts.empty()) check_alike(parts[0].tensor, tensor);
    parts.push_back({tensor, weight});
  }
  if (groups.empty()) throw Error("there is nothing to combine: no tensor of a node that counts");
  for (const auto& [name, parts] : groups) put_group(name, parts, outputs);
}

}  // namespace scanflow::serving
