// A loaded version of a node: what answers one call.
#pragma once

#include <span>

#include "sdk/loader/step_instance.hpp"

namespace scanflow::infer {

class Model {
 public:
  virtual ~Model() = default;
  virtual const loader::Signature& signature() const = 0;
  /// Its calls wait for another process, and compute nothing in this one.
  virtual bool waits() const { return false; }
  /// One at a time, on any thread. Blocks.
  virtual loader::InferOutcome infer(std::span<const loader::Tensor> inputs) = 0;
};

}  // namespace scanflow::infer
