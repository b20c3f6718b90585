// Plans of 100,000 `noop` steps, for benchmarks.
#pragma once

#include <memory>

#include "engine/pipeline/plan.hpp"

namespace scanflow::support {

/// 1,000 layers of 100; each step needs three of the layer before, drawn with a fixed seed.
std::shared_ptr<const pipeline::Plan> layers();
/// Each step needs the one before.
std::shared_ptr<const pipeline::Plan> chain();
/// No step needs another.
std::shared_ptr<const pipeline::Plan> wide();

}  // namespace scanflow::support
