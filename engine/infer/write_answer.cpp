#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/infer/protocol.hpp"

namespace scanflow::infer {
namespace {

/// Is it the same in JSON? Most names are.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
}

void append_text(std::string& out, std::string_view text) {
  if (is_plain(text)) {
    out.append("\"").append(text).append("\"");
    return;
  }
  out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

template <class T>
void append_numbers(std::string& out, const Tensor& tensor) {
  const std::size_t count = tensor.data.size() / sizeof(T);
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, tensor.data.data() + i * sizeof(T), sizeof(T));
    if (i != 0) out += ',';
    if constexpr (std::is_floating_point_v<T>) {
      // JSON knows no NaN and no infinity.
      if (std::isfinite(value)) {
        fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), value);
      } else {
        out += "null";
      }
    } else if constexpr (std::is_same_v<T, bool>) {
      out += value ? "true" : "false";
    } else {
      fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), value);
    }
  }
}

void write_texts(std::string& out, const Tensor& tensor) {
  std::span<const std::byte> rest = tensor.data;
  for (bool first = true; !rest.empty(); first = false) {
    std::uint32_t length = 0;
    std::memcpy(&length, rest.data(), sizeof length);
    if (!first) out += ',';
    append_text(out, {reinterpret_cast<const char*>(rest.data()) + sizeof length, length});
    rest = rest.subspan(sizeof length + length);
  }
}

/// False for what has no JSON form.
bool append_data(std::string& out, const Tensor& tensor) {
  switch (tensor.datatype) {
    case SCANFLOW_BOOL:
      append_numbers<bool>(out, tensor);
      return true;
    case SCANFLOW_UINT8:
      append_numbers<std::uint8_t>(out, tensor);
      return true;
    case SCANFLOW_UINT16:
      append_numbers<std::uint16_t>(out, tensor);
      return true;
    case SCANFLOW_UINT32:
      append_numbers<std::uint32_t>(out, tensor);
      return true;
    case SCANFLOW_UINT64:
      append_numbers<std::uint64_t>(out, tensor);
      return true;
    case SCANFLOW_INT8:
      append_numbers<std::int8_t>(out, tensor);
      return true;
    case SCANFLOW_INT16:
      append_numbers<std::int16_t>(out, tensor);
      return true;
    case SCANFLOW_INT32:
      append_numbers<std::int32_t>(out, tensor);
      return true;
    case SCANFLOW_INT64:
      append_numbers<std::int64_t>(out, tensor);
      return true;
    case SCANFLOW_FP32:
      append_numbers<float>(out, tensor);
      return true;
    case SCANFLOW_FP64:
      append_numbers<double>(out, tensor);
      return true;
    case SCANFLOW_BYTES:
      write_texts(out, tensor);
      return true;
    default:
      return false;
  }
}

struct Chosen {
  const Tensor* tensor = nullptr;
  bool binary = false;
};

Answered<std::vector<Chosen>> choose(const Request& request, const Answer& answer) {
  std::vector<Chosen> chosen;
  if (request.outputs.empty()) {
    chosen.reserve(answer.outputs.size());
    for (const Tensor& tensor : answer.outputs) chosen.push_back({&tensor, request.binary});
    return chosen;
  }
  chosen.reserve(request.outputs.size());
  for (const Wanted& wanted : request.outputs) {
    const auto found =
        std::find_if(answer.outputs.begin(), answer.outputs.end(),
                     [&](const Tensor& tensor) { return tensor.name == wanted.name; });
    if (found == answer.outputs.end()) {
      std::string names;
      for (const Tensor& tensor : answer.outputs)
        names += (names.empty() ? "" : ", ") + tensor.name;
      return refuse(400, fmt::format("there is no output '{}'; there is {}", wanted.name, names));
    }
    chosen.push_back({&*found, wanted.binary || request.binary});
  }
  return chosen;
}

void append_versions(std::string& out, const Answer& answer) {
  if (answer.versions.size() == 1) {
    out += ",\"model_version\":";
    append_text(out, answer.versions.begin()->second);
  } else if (!answer.versions.empty()) {
    out += ",\"parameters\":{";
    const char* comma = "";
    for (const auto& [node, version] : answer.versions) {
      out += comma;
      append_text(out, "version." + node);
      out += ':';
      append_text(out, version);
      comma = ",";
    }
    out += '}';
  }
}

/// False for what has no JSON form.
bool append_tensor(std::string& out, const Chosen& chosen) {
  const Tensor& tensor = *chosen.tensor;
  out += "{\"name\":";
  append_text(out, tensor.name);
  fmt::format_to(std::back_inserter(out), ",\"datatype\":\"{}\",\"shape\":{}",
                 loader::datatype_name(tensor.datatype), loader::shape_text(tensor.shape));
  if (chosen.binary) {
    fmt::format_to(std::back_inserter(out), ",\"parameters\":{{\"binary_data_size\":{}}}}}",
                   tensor.data.size());
    return true;
  }
  out += ",\"data\":[";
  const bool written = append_data(out, tensor);
  out += "]}";
  return written;
}

/// The rest of a body whose list is open. Gives the tensor that has no JSON form; null: all is written.
const Tensor* append_tensors(Body& body, const std::vector<Chosen>& all) {
  std::string& out = body.bytes;
  for (const Chosen& each : all) {
    if (&each != &all.front()) out += ',';
    if (!append_tensor(out, each)) return each.tensor;
  }
  out += "]}";
  const std::size_t json_bytes = out.size();
  for (const Chosen& each : all) {
    if (!each.binary) continue;
    body.json_bytes = json_bytes;
    out.append(reinterpret_cast<const char*>(each.tensor->data.data()), each.tensor->data.size());
  }
  return nullptr;
}

}  // namespace

Answered<Body> write_answer(const std::string& model, const Request& request,
                            const Answer& answer) {
  auto chosen = choose(request, answer);
  if (!chosen) return tl::unexpected(chosen.error());
  Body body;
  std::string& out = body.bytes;
  out = "{\"model_name\":";
  append_text(out, model);
  append_versions(out, answer);
  if (!request.id.empty()) {
    out += ",\"id\":";
    append_text(out, request.id);
  }
  out += ",\"outputs\":[";
  if (const Tensor* const of = append_tensors(body, *chosen)) {
    return refuse(400, fmt::format("the output '{}' is of FP16, which has no JSON form; ask for it "
                                   "with the parameter binary_data",
                                   of->name));
  }
  return body;
}

Answered<Body> write_request(std::span<const Tensor> inputs, bool binary) {
  std::vector<Chosen> chosen;
  chosen.reserve(inputs.size());
  for (const Tensor& tensor : inputs) chosen.push_back({&tensor, binary});
  Body body;
  body.bytes =
      binary ? "{\"parameters\":{\"binary_data_output\":true},\"inputs\":[" : "{\"inputs\":[";
  if (const Tensor* const of = append_tensors(body, chosen)) {
    return refuse(500,
                  fmt::format("'{}' is of FP16, which has no JSON form, and the server knows no "
                              "binary tensors",
                              of->name));
  }
  return body;
}

std::string error_body(const std::string& message) {
  std::string out = "{\"error\":";
  append_text(out, message);
  out += '}';
  return out;
}

}  // namespace scanflow::infer
