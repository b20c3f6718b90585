#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "engine/infer/protocol.hpp"

namespace scanflow::infer {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kMaxInputs = 64;
constexpr std::size_t kMaxName = 256;
/// A parser keeps what its largest document took; past this it is given back.
constexpr std::size_t kKept = std::size_t{1} << 20;

tl::unexpected<Problem> bad(std::string message) { return refuse(400, std::move(message)); }

std::string_view text_or(const dom::element& object, const char* key, std::string_view otherwise) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? text : otherwise;
}

bool flag(const dom::element& object, const char* key) {
  bool value = false;
  return object["parameters"][key].get(value) == simdjson::SUCCESS && value;
}

Answered<Shape> read_shape(const dom::element& tensor, const std::string& called) {
  dom::array sizes;
  const auto wrong = [&] {
    return bad(fmt::format("{} has no shape: a list of at most {} sizes, like [1,784]", called,
                           loader::kMaxRank));
  };
  if (tensor["shape"].get(sizes) != simdjson::SUCCESS || sizes.size() > loader::kMaxRank)
    return wrong();
  Shape shape;
  shape.reserve(sizes.size());
  for (const dom::element size : sizes) {
    std::int64_t value = 0;
    if (size.get(value) != simdjson::SUCCESS) return wrong();
    shape.push_back(value);
  }
  return shape;
}

/// `nulls`: of floating point they are NaN, as whoever knows no other way writes it.
template <class T>
bool read_value(const dom::element& value, bool nulls, T& into) {
  if constexpr (std::is_same_v<T, bool>) {
    return value.get(into) == simdjson::SUCCESS;
  } else if constexpr (std::is_floating_point_v<T>) {
    double number = std::numeric_limits<double>::quiet_NaN();
    if (!(nulls && value.is_null()) && value.get(number) != simdjson::SUCCESS) return false;
    into = static_cast<T>(number);
    return true;
  } else {
    using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    Wide number = 0;
    if (value.get(number) != simdjson::SUCCESS || !std::in_range<T>(number)) return false;
    into = static_cast<T>(number);
    return true;
  }
}

/// Numbers of nested lists, in order, into room for `count` of them.
template <class T>
class Flattened {
 public:
  Flattened(std::uint64_t count, bool nulls)
      : all_(std::make_shared_for_overwrite<T[]>(count)), count_(count), nulls_(nulls) {}

  /// Why not; "" where all went well.
  std::string take(const dom::array& list, std::size_t depth = 0) {
    if (depth > loader::kMaxRank) return "its data is nested too deep";
    for (const dom::element value : list) {
      dom::array inner;
      if (value.get(inner) == simdjson::SUCCESS) {
        if (auto why = take(inner, depth + 1); !why.empty()) return why;
        continue;
      }
      if (taken_ == count_)
        return fmt::format("it has more than the {} values of its shape", count_);
      if (!read_value(value, nulls_, all_[taken_]))
        return fmt::format("value {} does not fit its datatype", taken_);
      ++taken_;
    }
    return "";
  }
  bool full() const { return taken_ == count_; }
  std::uint64_t taken() const { return taken_; }
  void give(Tensor& tensor) {
    tensor.data = std::as_bytes(std::span(all_.get(), count_));
    tensor.owner = std::move(all_);
  }

 private:
  std::shared_ptr<T[]> all_;
  std::uint64_t count_, taken_ = 0;
  const bool nulls_;
};

template <class T>
std::string read_numbers(const dom::array& list, std::uint64_t count, bool nulls, Tensor& tensor) {
  // Each value takes two characters of JSON at least: a count beyond that is never allocated.
  if (count > kMaxJson / 2)
    return fmt::format(
        "its shape {} takes more values than a JSON body can hold; send it as a binary tensor",
        loader::shape_text(tensor.shape));
  Flattened<T> values(count, nulls);
  if (auto why = values.take(list); !why.empty()) return why;
  if (!values.full()) {
    return fmt::format("it has {} values; its shape {} takes {}", values.taken(),
                       loader::shape_text(tensor.shape), count);
  }
  values.give(tensor);
  return "";
}

std::string append_texts(const dom::array& list, std::string& bytes, std::size_t depth = 0) {
  if (depth > loader::kMaxRank) return "its data is nested too deep";
  for (const dom::element value : list) {
    dom::array inner;
    if (value.get(inner) == simdjson::SUCCESS) {
      if (auto why = append_texts(inner, bytes, depth + 1); !why.empty()) return why;
      continue;
    }
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return "its data must be strings";
    const auto length = static_cast<std::uint32_t>(text.size());
    bytes.append(reinterpret_cast<const char*>(&length), sizeof length).append(text);
  }
  return "";
}

std::string read_texts(const dom::array& list, Tensor& tensor) {
  auto bytes = std::make_shared<std::string>();
  if (auto why = append_texts(list, *bytes); !why.empty()) return why;
  tensor.data = std::as_bytes(std::span(*bytes));
  tensor.owner = std::move(bytes);
  const auto checked = loader::check_bytes(tensor);
  return checked ? "" : checked.error().message;
}

/// Why not; "" where the tensor has its data now.
std::string read_data(const dom::array& list, std::uint64_t count, bool nulls, Tensor& tensor) {
  switch (tensor.datatype) {
    case SCANFLOW_BOOL:
      return read_numbers<bool>(list, count, nulls, tensor);
    case SCANFLOW_UINT8:
      return read_numbers<std::uint8_t>(list, count, nulls, tensor);
    case SCANFLOW_UINT16:
      return read_numbers<std::uint16_t>(list, count, nulls, tensor);
    case SCANFLOW_UINT32:
      return read_numbers<std::uint32_t>(list, count, nulls, tensor);
    case SCANFLOW_UINT64:
      return read_numbers<std::uint64_t>(list, count, nulls, tensor);
    case SCANFLOW_INT8:
      return read_numbers<std::int8_t>(list, count, nulls, tensor);
    case SCANFLOW_INT16:
      return read_numbers<std::int16_t>(list, count, nulls, tensor);
    case SCANFLOW_INT32:
      return read_numbers<std::int32_t>(list, count, nulls, tensor);
    case SCANFLOW_INT64:
      return read_numbers<std::int64_t>(list, count, nulls, tensor);
    case SCANFLOW_FP32:
      return read_numbers<float>(list, count, nulls, tensor);
    case SCANFLOW_FP64:
      return read_numbers<double>(list, count, nulls, tensor);
    case SCANFLOW_BYTES:
      return read_texts(list, tensor);
    default:
      return "FP16 has no JSON form; send it as a binary tensor";
  }
}

/// Reads one body; `rest_` are the binary tensors that none has taken yet.
class Reader {
 public:
  Reader(std::shared_ptr<const std::string> body, std::size_t json_bytes)
      : body_(std::move(body)), rest_(std::as_bytes(std::span(*body_)).subspan(json_bytes)) {}

  Answered<Request> request(const dom::element& document) {
    if (!document.is_object()) return bad("the body is not one JSON object");
    Request request;
    request.id = text_or(document, "id", "");
    request.binary = flag(document, "binary_data_output");
    auto inputs = tensors(document, "inputs");
    if (!inputs) return tl::unexpected(inputs.error());
    request.inputs = std::move(*inputs);
    if (auto read = read_outputs(document, request); !read) return tl::unexpected(read.error());
    return request;
  }

  /// `list`: "inputs", "outputs".
  Answered<std::vector<Tensor>> tensors(const dom::element& document, const std::string& list) {
    word_ = list.substr(0, list.size() - 1);
    nulls_ = list == "outputs";
    dom::array rows;
    if (document[list].get(rows) != simdjson::SUCCESS)
      return bad(fmt::format("the body has no list of {}", list));
    if (rows.size() == 0 || rows.size() > kMaxInputs)
      return bad(fmt::format("there are 1 to {} {}", kMaxInputs, list));
    std::vector<Tensor> all;
    all.reserve(rows.size());
    for (const dom::element row : rows) {
      auto tensor = read_tensor(row);
      if (!tensor) return tl::unexpected(tensor.error());
      const bool twice = std::any_of(
          all.begin(), all.end(), [&](const Tensor& other) { return other.name == tensor->name; });
      if (twice) return bad(fmt::format("two {} are called '{}'", list, tensor->name));
      all.push_back(std::move(*tensor));
    }
    if (!rest_.empty()) {
      return bad(fmt::format("{} bytes follow the binary tensors that the {} announce",
                             rest_.size(), list));
    }
    return all;
  }

 private:
  std::string called(const Tensor& tensor) const {
    return fmt::format("the {} '{}'", word_, tensor.name);
  }

  Answered<Tensor> read_tensor(const dom::element& row) {
    Tensor tensor;
    tensor.name = text_or(row, "name", "");
    if (tensor.name.empty() || tensor.name.size() > kMaxName)
      return bad(fmt::format("each {} has a name of at most {} bytes", word_, kMaxName));
    const auto datatype = text_or(row, "datatype", "");
    const auto type = loader::datatype_of(datatype);
    if (!type) {
      return bad(
          fmt::format("{} has the datatype '{:.40}', which is none of the protocol's (FP32, INT64, "
                      "BYTES, ...)",
                      called(tensor), datatype));
    }
    tensor.datatype = *type;
    auto shape = read_shape(row, called(tensor));
    if (!shape) return tl::unexpected(shape.error());
    tensor.shape = std::move(*shape);
    const auto count = loader::element_count(tensor.shape);
    if (!count) {
      return bad(
          fmt::format("{} has the shape {}: no size is negative, and a tensor has at most 2^40 "
                      "elements",
                      called(tensor), loader::shape_text(tensor.shape)));
    }
    std::uint64_t binary = 0;
    if (row["parameters"]["binary_data_size"].get(binary) == simdjson::SUCCESS)
      return take_binary(std::move(tensor), binary);
    dom::array data;
    if (row["data"].get(data) != simdjson::SUCCESS) {
      return bad(fmt::format("{} has neither data, a list, nor the parameter binary_data_size",
                             called(tensor)));
    }
    if (auto why = read_data(data, *count, nulls_, tensor); !why.empty())
      return bad(fmt::format("{}: {}", called(tensor), why));
    return tensor;
  }

  Answered<Tensor> take_binary(Tensor tensor, std::uint64_t size) {
    if (size > rest_.size()) {
      return bad(fmt::format("{} announces {} bytes of binary data; the body has {} left",
                             called(tensor), size, rest_.size()));
    }
    tensor.data = rest_.first(size);
    tensor.owner = body_;
    rest_ = rest_.subspan(size);
    if (auto checked = loader::check_bytes(tensor); !checked) return bad(checked.error().message);
    const std::size_t width = std::max<std::size_t>(1, loader::element_size(tensor.datatype));
    if (reinterpret_cast<std::uintptr_t>(tensor.data.data()) % width != 0) {
      auto aligned = std::make_shared_for_overwrite<std::byte[]>(size);
      std::memcpy(aligned.get(), tensor.data.data(), size);
      tensor.data = {aligned.get(), size};
      tensor.owner = std::move(aligned);
    }
    return tensor;
  }

  static Answered<void> read_outputs(const dom::element& document, Request& request) {
    dom::array outputs;
    if (document["outputs"].get(outputs) != simdjson::SUCCESS) return {};
    if (outputs.size() > kMaxInputs)
      return bad(fmt::format("a request asks for at most {} outputs", kMaxInputs));
    for (const dom::element output : outputs) {
      Wanted wanted{std::string(text_or(output, "name", "")), flag(output, "binary_data")};
      if (wanted.name.empty()) return bad("each output that is asked for has a name");
      request.outputs.push_back(std::move(wanted));
    }
    return {};
  }

  std::shared_ptr<const std::string> body_;
  std::span<const std::byte> rest_;
  std::string word_;  // "input", "output"
  bool nulls_ = false;
};

/// `read`: what is to be done with it.
template <class T>
Answered<T> with_document(std::string body, std::optional<std::size_t> json_bytes,
                          Answered<T> (*read)(Reader&, const dom::element&)) {
  const std::size_t size = json_bytes.value_or(body.size());
  if (size > body.size()) {
    return bad(
        fmt::format("{} is {}, but the body has {} bytes", kHeaderLength, size, body.size()));
  }
  if (size > kMaxJson) {
    return refuse(413, fmt::format("the JSON of a body has at most {} MiB; send large tensors "
                                   "as binary data ({})",
                                   kMaxJson >> 20, kHeaderLength));
  }
  static thread_local std::unique_ptr<dom::parser> parser;
  if (!parser) parser = std::make_unique<dom::parser>();
  dom::element document;
  const auto error = parser->parse(body.data(), size).get(document);
  if (error != simdjson::SUCCESS)
    return bad(fmt::format("the body is not JSON: {}", simdjson::error_message(error)));
  Reader reader(std::make_shared<const std::string>(std::move(body)), size);
  auto taken = read(reader, document);
  if (size > kKept) parser.reset();
  return taken;
}

}  // namespace

Answered<Request> read_request(std::string body, std::optional<std::size_t> json_bytes) {
  return with_document<Request>(
      std::move(body), json_bytes,
      [](Reader& reader, const dom::element& document) { return reader.request(document); });
}

Answered<std::vector<Tensor>> read_answer(std::string body, std::optional<std::size_t> json_bytes) {
  return with_document<std::vector<Tensor>>(std::move(body), json_bytes,
                                            [](Reader& reader, const dom::element& document) {
                                              return reader.tensors(document, "outputs");
                                            });
}

}  // namespace scanflow::infer
