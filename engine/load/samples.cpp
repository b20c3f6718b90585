#include "engine/load/samples.hpp"

#include <fmt/format.h>

#include <random>

#include "engine/infer/protocol.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::load {
namespace {

using nlohmann::json;

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_drawn(std::string& bytes, loader::DataType type, std::mt19937_64& random) {
  const auto byte = static_cast<std::uint8_t>(random() >> 56);
  switch (type) {
    case SCANFLOW_BOOL:
      return append(bytes, static_cast<std::uint8_t>(byte & 1));
    case SCANFLOW_FP32:
      return append(bytes, static_cast<float>(byte));
    case SCANFLOW_FP64:
      return append(bytes, static_cast<double>(byte));
    case SCANFLOW_INT64:
    case SCANFLOW_UINT64:
      return append(bytes, std::uint64_t{byte});
    case SCANFLOW_INT32:
    case SCANFLOW_UINT32:
      return append(bytes, std::uint32_t{byte});
    case SCANFLOW_INT16:
    case SCANFLOW_UINT16:
      return append(bytes, std::uint16_t{byte});
    case SCANFLOW_FP16:
      return append(bytes, std::uint16_t{0x3c00});  // 1
    case SCANFLOW_BYTES:
      append(bytes, std::uint32_t{1});
      return append(bytes, static_cast<char>('a' + byte % 26));
    case SCANFLOW_INT8:
      return append(bytes, static_cast<std::int8_t>(byte & 0x7f));
    default:
      return append(bytes, byte);
  }
}

Result<loader::Tensor> drawn_tensor(const json& input, std::int64_t rows, std::mt19937_64& random) {
  loader::Tensor tensor;
  tensor.name = input.value("name", "");
  const auto type = loader::datatype_of(input.value("datatype", ""));
  if (tensor.name.empty() || !type)
    return fail(fmt::format("the service describes an input that is none: {}", input.dump()));
  tensor.datatype = *type;
  tensor.shape = input.value("shape", loader::Shape());
  for (std::size_t i = 0; i < tensor.shape.size(); ++i)
    if (tensor.shape[i] < 0) tensor.shape[i] = i == 0 ? rows : 1;
  auto bytes = std::make_shared<std::string>();
  const auto count = loader::element_count(tensor.shape).value_or(0);
  for (std::uint64_t i = 0; i < count; ++i) append_drawn(*bytes, *type, random);
  tensor.data = std::as_bytes(std::span(*bytes));
  tensor.owner = std::move(bytes);
  return tensor;
}

/// An answer's form is a request's form, but for what stands around the tensors.
Result<Sample> sample_of(const std::vector<loader::Tensor>& tensors, bool binary) {
  infer::Request request;
  request.binary = binary;
  const auto written = infer::write_answer("", request, {tensors, {}});
  if (!written) return fail(written.error().message);
  const std::size_t size = written->json_bytes.value_or(written->bytes.size());
  const json answer = json::parse(written->bytes.substr(0, size));
  json head = {{"inputs", answer["outputs"]}};
  if (binary) head["parameters"] = {{"binary_data_output", true}};
  Sample sample;
  sample.body = head.dump();
  sample.headers = {{"Content-Type", "application/json"}};
  if (binary) {
    sample.headers = {{"Content-Type", "application/octet-stream"},
                      {infer::kHeaderLength, std::to_string(sample.body.size())}};
    sample.body.append(written->bytes, size);
  }
  return sample;
}

}  // namespace

Result<std::vector<Sample>> drawn_samples(const json& model, const SampleOptions& options) {
  const json inputs = model.is_object() ? model.value("inputs", json::array()) : json::array();
  if (inputs.empty()) {
    return fail("the service does not say what it takes; give requests as files (--request FILE)");
  }
  std::mt19937_64 random(options.seed);
  std::vector<Sample> samples;
  samples.reserve(options.count);
  for (unsigned i = 0; i < options.count; ++i) {
    std::vector<loader::Tensor> tensors;
    for (const json& input : inputs) {
      auto tensor = drawn_tensor(input, options.rows, random);
      if (!tensor) return tl::unexpected(tensor.error());
      tensors.push_back(std::move(*tensor));
    }
    auto sample = sample_of(tensors, options.binary);
    if (!sample) return tl::unexpected(sample.error());
    samples.push_back(std::move(*sample));
  }
  return samples;
}

Result<std::vector<Sample>> read_samples(const std::vector<std::string>& files) {
  std::vector<Sample> samples;
  samples.reserve(files.size());
  for (const std::string& file : files) {
    auto text = read_file(file);
    if (!text) return tl::unexpected(text.error());
    if (!json::accept(*text)) return fail(fmt::format("{} is not JSON", file));
    samples.push_back({std::move(*text), {{"Content-Type", "application/json"}}});
  }
  return samples;
}

}  // namespace scanflow::load
