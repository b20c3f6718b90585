#include "plugins/steps/serving/topk_step.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "plugins/steps/serving/topk.hpp"

namespace scanflow::serving {
namespace {

std::vector<std::string> read_labels(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) {
    throw Error(fmt::format("labels_file {}: cannot open: {}; give a file with a name a line",
                            file.string(), std::generic_category().message(errno)));
  }
  std::vector<std::string> labels;
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with('\r')) line.pop_back();
    labels.push_back(line);
  }
  if (labels.empty()) throw Error(fmt::format("labels_file {}: is empty", file.string()));
  return labels;
}

}  // namespace

Description TopKPostprocess::describe() {
  return {.id = "topk.postprocess",
          .version = "1.0.0",
          .summary = "Keeps the classes with the highest scores, with their names, online"};
}

Signature TopKPostprocess::load(const Loading& /*loading*/) {
  if (!config_.labels.empty() && !config_.labels_file.empty())
    throw Error("both labels and labels_file are given; drop one of them");
  if (!config_.labels_file.empty()) config_.labels = read_labels(config_.labels_file);
  // Whatever comes: the node before may give more than the tensor that is read. Not batched, as
  // nobody has checked then that those agree in their rows; it takes microseconds.
  Signature signature = {.outputs = {{"classes", DataType::int64, {-1, config_.k}},
                                     {"scores", DataType::fp32, {-1, config_.k}}}};
  if (!config_.labels.empty())
    signature.outputs.push_back({"labels", DataType::bytes, {-1, config_.k}});
  return signature;
}

void TopKPostprocess::infer(const Tensors& inputs, TensorOutputs& outputs) {
  const TensorView scores = inputs[config_.tensor];
  const auto values = scores.values<float>();
  const auto shape = scores.shape();
  if (shape.size() != 2) {
    throw Invalid(fmt::format("the tensor '{}' has {} dimension(s), expected are 2: rows, classes",
                              config_.tensor, shape.size()));
  }
  if (shape[1] < config_.k) {
    throw Error(fmt::format("k is {}, but the tensor '{}' has only {} classes: lower k", config_.k,
                            config_.tensor, shape[1]));
  }
  const auto classes = static_cast<std::size_t>(shape[1]);
  if (!config_.labels.empty() && config_.labels.size() != classes) {
    throw Error(
        fmt::format("there are {} labels, but the tensor '{}' has {} classes: give one for "
                    "each",
                    config_.labels.size(), config_.tensor, classes));
  }
  const TopK top = top_k(values, classes, static_cast<std::size_t>(config_.k), config_.softmax);
  const Shape out = {shape[0], config_.k};
  outputs.put("classes", out, std::span<const std::int64_t>(top.classes));
  outputs.put("scores", out, std::span<const float>(top.scores));
  if (!config_.labels.empty()) put_labels(out, top.classes, outputs);
}

void TopKPostprocess::put_labels(const Shape& shape, const std::vector<std::int64_t>& classes,
                                 TensorOutputs& outputs) const {
  std::string bytes;  // each with its length before it, little-endian (abi/infer.h)
  for (const std::int64_t index : classes) {
    const std::string& label = config_.labels[static_cast<std::size_t>(index)];
    const auto length = static_cast<std::uint32_t>(label.size());
    for (const unsigned shift : {0U, 8U, 16U, 24U})
      bytes.push_back(static_cast<char>(length >> shift & 0xff));
    bytes += label;
  }
  outputs.put("labels", DataType::bytes, shape, std::as_bytes(std::span(bytes)));
}

}  // namespace scanflow::serving
