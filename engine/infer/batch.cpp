#include "engine/infer/batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <numeric>

namespace scanflow::infer {
namespace {

const Tensor& named(std::span<const Tensor> tensors, const std::string& name) {
  return *std::find_if(tensors.begin(), tensors.end(),
                       [&](const Tensor& tensor) { return tensor.name == name; });
}

bool same_but_rows(const Tensor& a, const Tensor& b) {
  return a.name == b.name && a.datatype == b.datatype && a.shape.size() == b.shape.size() &&
         std::equal(a.shape.begin() + 1, a.shape.end(), b.shape.begin() + 1);
}

/// How many bytes the first `rows` rows of BYTES take: each element has its own length.
std::size_t bytes_of_texts(std::span<const std::byte> data, std::uint64_t elements) {
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < elements; ++i) {
    std::uint32_t length = 0;
    std::memcpy(&length, data.data() + at, sizeof length);
    at += sizeof length + length;
  }
  return at;
}

std::size_t bytes_of_rows(const Tensor& tensor, std::span<const std::byte> rest,
                          std::int64_t rows) {
  const auto elements = static_cast<std::uint64_t>(
      std::accumulate(tensor.shape.begin() + 1, tensor.shape.end(), rows, std::multiplies<>()));
  if (tensor.datatype == SCANFLOW_BYTES) return bytes_of_texts(rest, elements);
  return elements * loader::element_size(tensor.datatype);
}

}  // namespace

std::int64_t rows_of(std::span<const Tensor> tensors) {
  return tensors.empty() || tensors[0].shape.empty() ? 1 : tensors[0].shape[0];
}

bool fit_together(std::span<const Tensor> a, std::span<const Tensor> b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const Tensor& tensor) {
           return !tensor.shape.empty() &&
                  std::any_of(b.begin(), b.end(), [&](const Tensor& other) {
                    return !other.shape.empty() && same_but_rows(tensor, other);
                  });
         });
}

std::vector<Tensor> join(std::span<const std::span<const Tensor>> parts) {
  if (parts.size() == 1) return {parts[0].begin(), parts[0].end()};
  std::vector<Tensor> joined;
  joined.reserve(parts[0].size());
  for (const Tensor& first : parts[0]) {
    Tensor whole = {first.name, first.datatype, first.shape, {}, nullptr};
    std::size_t size = 0;
    whole.shape[0] = 0;
    for (const auto& part : parts) {
      const Tensor& tensor = named(part, first.name);
      size += tensor.data.size();
      whole.shape[0] += tensor.shape[0];
    }
    auto bytes = std::make_shared_for_overwrite<std::byte[]>(size);
    std::size_t at = 0;
    for (const auto& part : parts) {
      const Tensor& tensor = named(part, first.name);
      if (!tensor.data.empty())
        std::memcpy(bytes.get() + at, tensor.data.data(), tensor.data.size());
      at += tensor.data.size();
    }
    whole.data = {bytes.get(), size};
    whole.owner = std::move(bytes);
    joined.push_back(std::move(whole));
  }
  return joined;
}

Answered<std::vector<std::vector<Tensor>>> split(std::span<const Tensor> outputs,
                                                 std::span<const std::int64_t> rows) {
  const std::int64_t total = std::accumulate(rows.begin(), rows.end(), std::int64_t{0});
  std::vector<std::vector<Tensor>> parts(rows.size());
  for (const Tensor& output : outputs) {
    if (output.shape.empty() || output.shape[0] != total) {
      return refuse(500, fmt::format("the model's output '{}' has the shape {} for {} rows; of a "
                                     "batchable model dimension 0 counts the rows that went in",
                                     output.name, loader::shape_text(output.shape), total));
    }
    std::size_t at = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Tensor part = {output.name, output.datatype, output.shape, {}, output.owner};
      part.shape[0] = rows[i];
      const std::size_t size = bytes_of_rows(part, output.data.subspan(at), rows[i]);
      part.data = output.data.subspan(at, size);
      at += size;
      parts[i].push_back(std::move(part));
    }
  }
  return parts;
}

}  // namespace scanflow::infer
