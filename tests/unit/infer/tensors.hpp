// Tensors of tests.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "engine/infer/message.hpp"

namespace scanflow::infer::test {

template <class T>
Tensor tensor(const std::string& name, loader::DataType type, Shape shape,
              const std::vector<T>& values) {
  auto owner = std::make_shared<std::vector<T>>(values);
  return {name, type, std::move(shape), std::as_bytes(std::span(*owner)), owner};
}
inline Tensor floats(const std::string& name, Shape shape, const std::vector<float>& values) {
  return tensor(name, SCANFLOW_FP32, std::move(shape), values);
}
inline Tensor ints(const std::string& name, Shape shape, const std::vector<std::int64_t>& values) {
  return tensor(name, SCANFLOW_INT64, std::move(shape), values);
}
template <class T>
std::vector<T> values(const Tensor& tensor) {
  std::vector<T> list(tensor.data.size() / sizeof(T));
  if (!list.empty()) std::memcpy(list.data(), tensor.data.data(), tensor.data.size());
  return list;
}

}  // namespace scanflow::infer::test
