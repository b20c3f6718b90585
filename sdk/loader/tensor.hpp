// Tensors at the host's side of step.infer/1, and what an instance takes and gives. Pure.
#pragma once

#include <scanflow/abi/infer.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::loader {

using DataType = std::uint32_t;  // SCANFLOW_FP32, ...
using Shape = std::vector<std::int64_t>;

inline constexpr std::size_t kMaxRank = 16;

/// "FP32"; "" for what is no type.
std::string_view datatype_name(DataType type);
std::optional<DataType> datatype_of(std::string_view name);
/// Bytes of one element; 0 for BYTES, whose elements differ.
std::size_t element_size(DataType type);
/// "[3,-1,10]".
std::string shape_text(std::span<const std::int64_t> shape);
/// How many elements; nothing where a size is negative or there are more than 2^40.
std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape);

/// Dense, row-major, little-endian. Cheap to copy: the bytes are shared, and never change.
struct Tensor {
  std::string name;
  DataType datatype = SCANFLOW_FP32;
  Shape shape;
  std::span<const std::byte> data;
  std::shared_ptr<const void> owner;  // of data
};

/// Do the bytes hold what type and shape say? An error names the tensor, what is and what must be.
Result<void> check_bytes(const Tensor& tensor);

struct TensorSpec {
  std::string name;
  DataType datatype = SCANFLOW_FP32;
  Shape shape;  // -1: any size
};

struct Signature {
  std::vector<TensorSpec> inputs, outputs;  // no inputs: whatever comes
  bool batchable = false;
};

/// What a plugin says of itself when it is loaded (infer.h).
Result<Signature> parse_signature(std::string_view json);
/// Do these inputs fit: names, types, shapes, and, where it is batchable, one count of rows? An
/// error is for the client who sent them.
Result<void> check_inputs(const Signature& signature, std::span<const Tensor> inputs);

}  // namespace scanflow::loader
