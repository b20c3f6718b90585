// A step that also serves online. Derive from scanflow::Step and scanflow::Inference:
//
//   class Double : public scanflow::Step, public scanflow::Inference {
//    public:
//     static scanflow::Description describe() { return {.id = "double", .version = "1.0.0"}; }
//     nlohmann::json run(scanflow::Context&) override { throw_serves_online_only(); }
//     scanflow::Signature load(const scanflow::Loading&) override {
//       return {.inputs = {{"x", scanflow::DataType::fp32, {-1}}},
//               .outputs = {{"y", scanflow::DataType::fp32, {-1}}}, .batchable = true};
//     }
//     void infer(const scanflow::Tensors& in, scanflow::TensorOutputs& out) override {
//       const auto x = in["x"].values<float>();
//       std::vector<float> y(x.begin(), x.end());
//       for (float& value : y) value *= 2;
//       out.put("y", in["x"].shape(), std::span<const float>(y));
//     }
//   };
#pragma once

#include <scanflow/abi/infer.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <scanflow/detail/boundary.hpp>
#include <span>
#include <string>
#include <vector>

namespace scanflow {
inline namespace sdk {

/// The element types of the Open Inference Protocol.
enum class DataType : std::uint32_t {
  boolean = SCANFLOW_BOOL,
  uint8 = SCANFLOW_UINT8,
  uint16 = SCANFLOW_UINT16,
  uint32 = SCANFLOW_UINT32,
  uint64 = SCANFLOW_UINT64,
  int8 = SCANFLOW_INT8,
  int16 = SCANFLOW_INT16,
  int32 = SCANFLOW_INT32,
  int64 = SCANFLOW_INT64,
  fp16 = SCANFLOW_FP16,
  fp32 = SCANFLOW_FP32,
  fp64 = SCANFLOW_FP64,
  bytes = SCANFLOW_BYTES,
};

inline const char* name(DataType type) {
  static constexpr const char* kNames[] = {"",       "BOOL", "UINT8", "UINT16", "UINT32",
                                           "UINT64", "INT8", "INT16", "INT32",  "INT64",
                                           "FP16",   "FP32", "FP64",  "BYTES"};
  return kNames[static_cast<std::uint32_t>(type)];
}

template <class T>
constexpr DataType data_type_of() {
  if constexpr (std::is_same_v<T, std::uint8_t>) return DataType::uint8;
  if constexpr (std::is_same_v<T, std::int32_t>) return DataType::int32;
  if constexpr (std::is_same_v<T, std::int64_t>) return DataType::int64;
  if constexpr (std::is_same_v<T, float>) return DataType::fp32;
  if constexpr (std::is_same_v<T, double>) return DataType::fp64;
}

using Shape = std::vector<std::int64_t>;

struct TensorSpec {
  std::string name;
  DataType type = DataType::fp32;
  Shape shape;  // -1: any size
};

/// What an instance takes and gives. No inputs: whatever comes.
struct Signature {
  std::vector<TensorSpec> inputs = {}, outputs = {};
  /// Dimension 0 counts rows that do not depend on each other: requests may be put together.
  bool batchable = false;
};

/// A tensor that somebody else owns: dense, row-major.
class TensorView {
 public:
  explicit TensorView(const scanflow_tensor& abi) : abi_(&abi) {}

  std::string_view name() const { return detail::text(abi_->name); }
  DataType type() const { return static_cast<DataType>(abi_->datatype); }
  std::span<const std::int64_t> shape() const { return {abi_->shape, abi_->rank}; }
  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(abi_->data), abi_->bytes};
  }
  /// All elements. Throws Invalid where it is of another type.
  template <class T>
  std::span<const T> values() const {
    if (type() != data_type_of<T>()) {
      throw Invalid("the tensor '" + std::string(name()) + "' is of " + sdk::name(type()) +
                    "; expected is " + sdk::name(data_type_of<T>()));
    }
    return {static_cast<const T*>(abi_->data), abi_->bytes / sizeof(T)};
  }

 private:
  const scanflow_tensor* abi_;
};

/// The inputs of one call.
class Tensors {
 public:
  Tensors(const scanflow_tensor* first, std::uint32_t count) : all_(first, count) {}
  std::size_t size() const { return all_.size(); }
  TensorView at(std::size_t index) const { return TensorView(all_[index]); }
  /// Throws Invalid where there is none of that name.
  TensorView operator[](std::string_view name) const {
    for (const scanflow_tensor& tensor : all_) {
      if (detail::text(tensor.name) == name) return TensorView(tensor);
    }
    throw Invalid("there is no input '" + std::string(name) + "'");
  }

 private:
  std::span<const scanflow_tensor> all_;
};

/// Where an inference puts what it gives.
class TensorOutputs {
 public:
  explicit TensorOutputs(scanflow_tensor_sink sink) : sink_(sink) {}
  /// Copied at once. Throws Error where the host refuses it.
  void put(std::string_view name, DataType type, std::span<const std::int64_t> shape,
           std::span<const std::byte> bytes) {
    const scanflow_tensor tensor = {sizeof tensor,
                                    static_cast<std::uint32_t>(type),
                                    detail::view(name),
                                    shape.data(),
                                    static_cast<std::uint32_t>(shape.size()),
                                    0,
                                    bytes.data(),
                                    bytes.size()};
    if (sink_.put(sink_.ctx, &tensor) != SCANFLOW_OK) {
      throw Error("the host refused the output '" + std::string(name) +
                  "': its bytes do not fit its shape, its name comes twice, or it is too large");
    }
  }
  template <class T>
  void put(std::string_view name, std::span<const std::int64_t> shape, std::span<const T> values) {
    put(name, data_type_of<T>(), shape, std::as_bytes(values));
  }
  /// Hands an input on as it is.
  void put(const TensorView& tensor) {
    put(tensor.name(), tensor.type(), tensor.shape(), tensor.bytes());
  }

 private:
  scanflow_tensor_sink sink_;
};

/// What an instance is loaded with. Valid during `load`.
class Loading {
 public:
  explicit Loading(const scanflow_load& abi) : abi_(abi) {}
  /// The CPU request, at least 1: size thread pools by it.
  int threads() const { return abi_.threads < 1 ? 1 : static_cast<int>(abi_.threads); }
  bool has_input(std::string_view name) const { return find(name) != nullptr; }
  /// An absolute path, read-only: a file or a directory.
  std::filesystem::path input(std::string_view name) const {
    const auto* input = find(name);
    if (input == nullptr) {
      throw Error("the node has no '" + std::string(name) + "'; name one in its graph");
    }
    return detail::text(input->path);
  }

 private:
  const scanflow_input* find(std::string_view name) const {
    for (std::uint32_t i = 0; i < abi_.input_count; ++i) {
      if (detail::text(abi_.inputs[i].name) == name) return &abi_.inputs[i];
    }
    return nullptr;
  }
  const scanflow_load& abi_;
};

/// To be derived from beside Step. Calls are serialised per instance, on any thread.
class Inference {
 public:
  virtual ~Inference() = default;
  /// Reads the model and warms up; once. Throws as Step::run does.
  virtual Signature load(const Loading& loading) = 0;
  /// Throws Invalid where the request is at fault: its text goes to the client.
  virtual void infer(const Tensors& inputs, TensorOutputs& outputs) = 0;

 protected:
  /// For the `run` of a step that is of no use in a pipeline.
  [[noreturn]] static void throw_serves_online_only() {
    throw Error("this plugin serves online only: use it in a graph of kind: InferenceService");
  }
};

namespace detail {

inline nlohmann::json to_json(const std::vector<TensorSpec>& specs) {
  nlohmann::json list = nlohmann::json::array();
  for (const TensorSpec& spec : specs) {
    list.push_back(
        {{"name", spec.name}, {"datatype", sdk::name(spec.type)}, {"shape", spec.shape}});
  }
  return list;
}

inline void write_signature(const Signature& signature, const scanflow_sink& sink) {
  const nlohmann::json document = {{"inputs", to_json(signature.inputs)},
                                   {"outputs", to_json(signature.outputs)},
                                   {"batchable", signature.batchable}};
  write(sink, document.dump(), "the signature");
}

}  // namespace detail
}  // namespace sdk
}  // namespace scanflow
