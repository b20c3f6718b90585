#include "plugins/steps/capture/capture_step.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace scanflow::capture {
namespace {

using nlohmann::json;

struct Kind {
  DataType type;
  std::size_t bytes;
};
const std::map<std::string, Kind>& kinds() {
  static const std::map<std::string, Kind> all = {
      {"BOOL", {DataType::boolean, 1}},  {"UINT8", {DataType::uint8, 1}},
      {"UINT16", {DataType::uint16, 2}}, {"UINT32", {DataType::uint32, 4}},
      {"UINT64", {DataType::uint64, 8}}, {"INT8", {DataType::int8, 1}},
      {"INT16", {DataType::int16, 2}},   {"INT32", {DataType::int32, 4}},
      {"INT64", {DataType::int64, 8}},   {"FP16", {DataType::fp16, 2}},
      {"FP32", {DataType::fp32, 4}},     {"FP64", {DataType::fp64, 8}}};
  return all;
}

TensorSpec spec_of(const json& tensor) {
  const auto fits = [&](const json& shape) {
    return shape.is_array() && std::all_of(shape.begin(), shape.end(), [](const json& size) {
             return size.is_number_integer() && size > 0 && size <= 1'000'000;
           });
  };
  const json name = tensor.is_object() ? tensor.value("name", json()) : json();
  const json type = tensor.is_object() ? tensor.value("datatype", json()) : json();
  const json shape = tensor.is_object() ? tensor.value("shape", json::array()) : json();
  if (!name.is_string() || !type.is_string() || !kinds().contains(type.get<std::string>()) ||
      !fits(shape)) {
    throw Invalid(fmt::format(
        "tensors: {} is none; write {{name: images, datatype: FP32, shape: [1, 28, 28]}}, with "
        "the shape of one row and a type of a fixed size",
        tensor.dump()));
  }
  TensorSpec spec{name, kinds().at(type.get<std::string>()).type, {-1}};
  for (const json& size : shape) spec.shape.push_back(size);
  return spec;
}

Column column_of(const TensorSpec& spec) {
  Column column{spec.name, name(spec.type), {spec.shape.begin() + 1, spec.shape.end()}, 0};
  column.bytes = kinds().at(column.datatype).bytes;
  for (const std::int64_t size : column.shape) column.bytes *= static_cast<std::size_t>(size);
  return column;
}

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

std::filesystem::path directory_of(const std::string& path) {
  if (path != "auto") return path;
  if (const char* const directory = std::getenv("SCANFLOW_CAPTURE");
      directory != nullptr && *directory != '\0')
    return directory;
  throw Error(
      "path is auto, and the variable SCANFLOW_CAPTURE is not set: set it, or name a "
      "directory in `path`");
}

Description Capture::describe() {
  return {.id = "requests.capture",
          .version = "1.0.0",
          .summary = "Keeps what a service is asked, row by row, online"};
}

Capture::Capture(Config config) : config_(std::move(config)) {
  if (!config_.tensors.is_array() || config_.tensors.empty())
    throw Invalid("tensors: a list, [{name: images, datatype: FP32, shape: [1, 28, 28]}]");
  for (const json& each : config_.tensors) specs_.push_back(spec_of(each));
}

Signature Capture::load(const Loading& /*loading*/) {
  Signature signature{.inputs = specs_, .outputs = specs_, .batchable = true};
  if (!config_.id.empty()) signature.inputs.push_back({config_.id, DataType::int64, {-1}});
  std::vector<Column> columns;
  for (const TensorSpec& each : signature.inputs) columns.push_back(column_of(each));
  const auto keep = static_cast<std::uint64_t>(config_.keep_mb) << 20;
  writer_ =
      std::make_unique<Writer>(directory_of(config_.path), std::move(columns),
                               Writer::Limits{std::min<std::uint64_t>(32u << 20, keep / 4), keep});
  return signature;
}

/// Evenly spread.
bool Capture::is_kept() {
  due_ += config_.share;
  if (due_ < 1) return false;
  due_ -= 1;
  return true;
}

void Capture::infer(const Tensors& inputs, TensorOutputs& outputs) {
  for (const TensorSpec& each : specs_) outputs.put(inputs[each.name]);
  if (!is_kept()) return;
  std::vector<std::span<const std::byte>> tensors;
  for (const TensorSpec& each : specs_) tensors.push_back(inputs[each.name].bytes());
  if (!config_.id.empty()) tensors.push_back(inputs[config_.id].bytes());
  const auto rows = static_cast<std::size_t>(inputs[specs_.front().name].shape()[0]);
  try {
    writer_->append(now_us(), rows, tensors);
    failing_ = false;
  } catch (const std::exception& error) {
    // Whoever asks is answered all the same.
    if (!std::exchange(failing_, true))
      std::fprintf(stderr, "requests.capture: what is asked is not kept: %s\n", error.what());
  }
}

}  // namespace scanflow::capture
