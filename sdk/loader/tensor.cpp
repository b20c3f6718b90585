#include "sdk/loader/tensor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

namespace scanflow::loader {
namespace {

using nlohmann::json;

struct TypeRow {
  std::string_view name;
  std::size_t size;
};
constexpr std::array<TypeRow, 14> kTypes = {{{"", 0},
                                             {"BOOL", 1},
                                             {"UINT8", 1},
                                             {"UINT16", 2},
                                             {"UINT32", 4},
                                             {"UINT64", 8},
                                             {"INT8", 1},
                                             {"INT16", 2},
                                             {"INT32", 4},
                                             {"INT64", 8},
                                             {"FP16", 2},
                                             {"FP32", 4},
                                             {"FP64", 8},
                                             {"BYTES", 0}}};
constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 40;
constexpr std::size_t kMaxTensors = 64;

Result<TensorSpec> parse_spec(const json& row, std::string_view where) {
  const auto wrong = [&](std::string_view what) {
    return fail(fmt::format("the signature's {}: {}", where, what));
  };
  if (!row.is_object() || !row.contains("name") || !row["name"].is_string() ||
      row["name"].get_ref<const std::string&>().empty()) {
    return wrong("each is an object with a name");
  }
  TensorSpec spec;
  spec.name = row["name"];
  const auto type = row.contains("datatype") && row["datatype"].is_string()
                        ? datatype_of(row["datatype"].get_ref<const std::string&>())
                        : std::nullopt;
  if (!type) return wrong(fmt::format("'{}' has no datatype like FP32", spec.name));
  spec.datatype = *type;
  const json shape = row.value("shape", json());
  if (!shape.is_array() || shape.size() > kMaxRank ||
      !std::all_of(shape.begin(), shape.end(), [](const json& size) {
        return size.is_number_integer() && size.get<std::int64_t>() >= -1;
      })) {
    return wrong(fmt::format("'{}' has no shape: a list of at most {} sizes, -1 for any", spec.name,
                             kMaxRank));
  }
  spec.shape = shape.get<Shape>();
  return spec;
}

Result<std::vector<TensorSpec>> parse_specs(const json& document, const char* where) {
  std::vector<TensorSpec> specs;
  const json rows = document.value(where, json::array());
  if (!rows.is_array() || rows.size() > kMaxTensors)
    return fail(fmt::format("the signature's {} are not a list of at most {}", where, kMaxTensors));
  specs.reserve(rows.size());
  for (const json& row : rows) {
    auto spec = parse_spec(row, where);
    if (!spec) return fail(spec.error().message);
    specs.push_back(std::move(*spec));
  }
  return specs;
}

bool fits(std::span<const std::int64_t> shape, std::span<const std::int64_t> wanted) {
  return std::equal(shape.begin(), shape.end(), wanted.begin(), wanted.end(),
                    [](std::int64_t is, std::int64_t want) { return want == -1 || is == want; });
}

Result<void> check_one(const TensorSpec& spec, const Tensor& tensor) {
  if (tensor.datatype != spec.datatype) {
    return fail(fmt::format("the input '{}' is of {}; the model takes {}", spec.name,
                            datatype_name(tensor.datatype), datatype_name(spec.datatype)));
  }
  if (!fits(tensor.shape, spec.shape)) {
    return fail(fmt::format("the input '{}' has the shape {}; the model takes {} (-1: any size)",
                            spec.name, shape_text(tensor.shape), shape_text(spec.shape)));
  }
  return {};
}

std::string names_of(std::span<const TensorSpec> specs) {
  std::vector<std::string_view> names;
  names.reserve(specs.size());
  for (const TensorSpec& spec : specs) names.push_back(spec.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

/// BYTES: each element with its length before it; their number.
std::optional<std::uint64_t> count_texts(std::span<const std::byte> data) {
  std::uint64_t count = 0;
  while (!data.empty()) {
    std::uint32_t length = 0;
    if (data.size() < sizeof length) return std::nullopt;
    std::memcpy(&length, data.data(), sizeof length);
    if (data.size() - sizeof length < length) return std::nullopt;
    data = data.subspan(sizeof length + length);
    ++count;
  }
  return count;
}

}  // namespace

std::string_view datatype_name(DataType type) {
  return type < kTypes.size() ? kTypes[type].name : std::string_view();
}

std::optional<DataType> datatype_of(std::string_view name) {
  for (DataType type = 1; type < kTypes.size(); ++type)
    if (kTypes[type].name == name) return type;
  return std::nullopt;
}

std::size_t element_size(DataType type) { return type < kTypes.size() ? kTypes[type].size : 0; }

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape) {
  std::uint64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (size != 0 && count > kMaxElements / static_cast<std::uint64_t>(size)) return std::nullopt;
    count *= static_cast<std::uint64_t>(size);
  }
  return count;
}

Result<void> check_bytes(const Tensor& tensor) {
  const auto count = element_count(tensor.shape);
  if (datatype_name(tensor.datatype).empty())
    return fail(fmt::format("the tensor '{}' has an unknown datatype", tensor.name));
  if (tensor.shape.size() > kMaxRank || !count) {
    return fail(
        fmt::format("the tensor '{}' has the shape {}: at most {} sizes, none negative, at "
                    "most 2^40 elements",
                    tensor.name, shape_text(tensor.shape), kMaxRank));
  }
  if (tensor.datatype == SCANFLOW_BYTES) {
    const auto found = count_texts(tensor.data);
    if (found == count) return {};
    return fail(
        fmt::format("the tensor '{}' of BYTES and shape {} must hold {} elements, each with "
                    "its length as 4 bytes before it; {}",
                    tensor.name, shape_text(tensor.shape), *count,
                    found ? fmt::format("it holds {}", *found) : "its last is cut off"));
  }
  const std::uint64_t bytes = *count * element_size(tensor.datatype);
  if (bytes == tensor.data.size()) return {};
  return fail(fmt::format("the tensor '{}' of {} and shape {} takes {} bytes; {} were given",
                          tensor.name, datatype_name(tensor.datatype), shape_text(tensor.shape),
                          bytes, tensor.data.size()));
}

Result<Signature> parse_signature(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return fail("the signature is not one JSON object");
  auto inputs = parse_specs(document, "inputs");
  if (!inputs) return fail(inputs.error().message);
  auto outputs = parse_specs(document, "outputs");
  if (!outputs) return fail(outputs.error().message);
  const json batchable = document.value("batchable", json(false));
  if (!batchable.is_boolean()) return fail("the signature's batchable is neither true nor false");
  Signature signature{std::move(*inputs), std::move(*outputs), batchable.get<bool>()};
  for (const auto* list : {&signature.inputs, &signature.outputs}) {
    for (const TensorSpec& spec : *list) {
      if (!signature.batchable || (!spec.shape.empty() && spec.shape[0] == -1)) continue;
      return fail(
          fmt::format("the signature is batchable, so dimension 0 of '{}' must be -1", spec.name));
    }
  }
  return signature;
}

Result<void> check_inputs(const Signature& signature, std::span<const Tensor> inputs) {
  if (signature.inputs.empty()) return {};
  if (inputs.size() != signature.inputs.size()) {
    return fail(fmt::format("the model takes {} ({}); {} came", signature.inputs.size(),
                            names_of(signature.inputs), inputs.size()));
  }
  const Tensor* first = nullptr;
  for (const TensorSpec& spec : signature.inputs) {
    const auto found = std::find_if(inputs.begin(), inputs.end(),
                                    [&](const Tensor& tensor) { return tensor.name == spec.name; });
    if (found == inputs.end()) {
      return fail(fmt::format("there is no input '{}'; the model takes {}", spec.name,
                              names_of(signature.inputs)));
    }
    if (auto checked = check_one(spec, *found); !checked) return checked;
    if (first == nullptr) first = &*found;
    if (signature.batchable && found->shape[0] != first->shape[0]) {
      return fail(
          fmt::format("the input '{}' has {} rows, '{}' has {}: a request has as many of "
                      "each",
                      spec.name, found->shape[0], first->name, first->shape[0]));
    }
  }
  return {};
}

}  // namespace scanflow::loader
