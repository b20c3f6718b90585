// A model that another server has: a container beside ours, or any that speaks the Open Inference Protocol.
#pragma once

#include <memory>

#include "engine/infer/document.hpp"
#include "engine/infer/model.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::infer {

/// Waits until it is ready, for ten minutes at most, and asks what it takes and gives. It is batchable where dimension 0 of
/// all that it takes and gives is -1. Tensors go in their binary form where the server says that it knows it. The error
/// names the node and the server. Blocks.
Result<std::shared_ptr<Model>> connect_remote(const NodeDocument& node);

}  // namespace scanflow::infer
