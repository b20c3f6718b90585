// The online side of an instance: step.infer/1.
#include <scanflow/abi/infer.h>

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "sdk/loader/step_instance.hpp"

namespace scanflow::loader {
namespace {

constexpr std::size_t kMaxSignature = std::size_t{64} << 10;
constexpr std::uint64_t kMaxTensorBytes = std::uint64_t{1} << 31;  // what one inference may give

std::int32_t append_signature(void* ctx, const char* data, std::uint64_t len) noexcept {
  auto& text = *static_cast<std::string*>(ctx);
  try {
    if (len > kMaxSignature - text.size()) return SCANFLOW_FAILED;
    text.append(data, len);
    return SCANFLOW_OK;
  } catch (...) {
    return SCANFLOW_FAILED;
  }
}

struct Given {
  std::vector<Tensor> tensors;
  std::uint64_t bytes = 0;
};

/// Copies what the plugin puts out. Nothing of the plugin's is trusted.
std::int32_t take_tensor(void* ctx, const scanflow_tensor* abi) noexcept {
  auto& given = *static_cast<Given*>(ctx);
  try {
    if (abi == nullptr || !SCANFLOW_HAS(abi, scanflow_tensor, bytes) || abi->rank > kMaxRank ||
        (abi->rank != 0 && abi->shape == nullptr) || (abi->bytes != 0 && abi->data == nullptr) ||
        abi->bytes > kMaxTensorBytes - given.bytes) {
      return SCANFLOW_FAILED;
    }
    Tensor tensor;
    tensor.name = to_text(abi->name);
    tensor.datatype = abi->datatype;
    tensor.shape.assign(abi->shape, abi->shape + abi->rank);
    const auto* first = static_cast<const std::byte*>(abi->data);
    auto bytes = std::make_shared<std::vector<std::byte>>(first, first + abi->bytes);
    tensor.data = *bytes;
    tensor.owner = std::move(bytes);
    for (const Tensor& other : given.tensors)
      if (other.name == tensor.name) return SCANFLOW_FAILED;
    if (tensor.name.empty() || !check_bytes(tensor)) return SCANFLOW_FAILED;
    given.bytes += abi->bytes;
    given.tensors.push_back(std::move(tensor));
    return SCANFLOW_OK;
  } catch (...) {
    return SCANFLOW_FAILED;
  }
}

scanflow_tensor abi_of(const Tensor& tensor) {
  return {sizeof(scanflow_tensor),
          tensor.datatype,
          to_view(tensor.name),
          tensor.shape.data(),
          static_cast<std::uint32_t>(tensor.shape.size()),
          0,
          tensor.data.data(),
          tensor.data.size()};
}

}  // namespace

StepOutcome StepInstance::load(std::span<const scanflow_input> inputs, std::uint32_t threads) {
  auto* step = step_.load();
  if (step == nullptr) return {SCANFLOW_INVALID, "load without an instance: create failed"};
  const auto* infer =
      static_cast<const scanflow_step_infer*>(step->get_extension(step, SCANFLOW_STEP_INFER));
  if (infer == nullptr || !SCANFLOW_HAS(infer, scanflow_step_infer, infer)) {
    return {SCANFLOW_INVALID,
            fmt::format("{} does not serve online: it has no {}", id_, SCANFLOW_STEP_INFER)};
  }
  std::string signature;
  const scanflow_load request = {sizeof request,
                                 threads < 1 ? 1U : threads,
                                 inputs.data(),
                                 static_cast<std::uint32_t>(inputs.size()),
                                 0,
                                 {&signature, &append_signature}};
  try {
    const auto status = infer->load(step, &request);
    if (status != SCANFLOW_OK) return finish(status, "load");
  } catch (...) {
    return {SCANFLOW_FAILED, fmt::format("load of {} threw across the boundary", id_)};
  }
  auto parsed = parse_signature(signature);
  if (!parsed) return {SCANFLOW_FAILED, fmt::format("load of {}: {}", id_, parsed.error().message)};
  signature_ = std::move(*parsed);
  inference_ = infer;
  return {};
}

InferOutcome StepInstance::infer(std::span<const Tensor> inputs) {
  InferOutcome outcome;
  if (inference_ == nullptr) {
    static_cast<StepOutcome&>(outcome) = {SCANFLOW_INVALID, "infer before load has succeeded"};
    return outcome;
  }
  std::vector<scanflow_tensor> abi;
  abi.reserve(inputs.size());
  for (const Tensor& tensor : inputs) abi.push_back(abi_of(tensor));
  auto* step = step_.load();
  Given given;
  try {
    const auto status = inference_->infer(step, abi.data(), static_cast<std::uint32_t>(abi.size()),
                                          {&given, &take_tensor});
    if (status != SCANFLOW_OK) {
      static_cast<StepOutcome&>(outcome) = finish(status, "infer");
      return outcome;
    }
  } catch (...) {
    static_cast<StepOutcome&>(outcome) = {
        SCANFLOW_FAILED, fmt::format("infer of {} threw across the boundary", id_)};
    return outcome;
  }
  outcome.tensors = std::move(given.tensors);
  return outcome;
}

}  // namespace scanflow::loader
