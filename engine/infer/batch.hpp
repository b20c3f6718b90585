// Putting requests together along dimension 0, and taking answers apart again. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/infer/message.hpp"

namespace scanflow::infer {

/// Rows of a batchable request: dimension 0 of its first tensor.
std::int64_t rows_of(std::span<const Tensor> tensors);

/// May these two be one call: the same names, types and shapes but for dimension 0?
bool fit_together(std::span<const Tensor> a, std::span<const Tensor> b);

/// One call out of several that fit together: each tensor's rows, in this order.
std::vector<Tensor> join(std::span<const std::span<const Tensor>> parts);

/// What the outputs of one call are to each: `rows` of each, in the order of join. A problem where
/// an output has not as many rows as went in.
Answered<std::vector<std::vector<Tensor>>> split(std::span<const Tensor> outputs,
                                                 std::span<const std::int64_t> rows);

}  // namespace scanflow::infer
