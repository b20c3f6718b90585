// A loaded version of a node: what answers one call.
#pragma once

#include <span>

#include "sdk/loader/step_instance.hpp"

namespace scanflow::infer {

class Model {
 public:
  virtual ~Model() = default;
  virtual const loader::Signature& signature() const = 0;
  /// One at a time, on any thread. Blocks.
  virtual loader::InferOutcome infer(std::span<const loader::Tensor> inputs) = 0;
};

}  // namespace scanflow::infer
