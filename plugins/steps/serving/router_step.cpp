#include "plugins/steps/serving/router_step.hpp"

#include <algorithm>

namespace scanflow::serving {

Description WeightedRouter::describe() {
  return {.id = "router.weighted",
          .version = "1.0.0",
          .summary = "Sends requests on to one of several nodes by weight, evenly spread, online"};
}

Signature WeightedRouter::load(const Loading& /*loading*/) {
  const auto& weights = config_.weights;
  if (std::all_of(weights.begin(), weights.end(), [](std::int64_t w) { return w == 0; }))
    throw Error("all weights are 0, so no request could go anywhere: set one above 0");
  turns_.emplace(weights, static_cast<std::uint64_t>(config_.seed));
  return {.outputs = {{"route", DataType::int64, {1}}}};  // each request its own turn: not batched
}

void WeightedRouter::infer(const Tensors& /*inputs*/, TensorOutputs& outputs) {
  const std::int64_t route[] = {static_cast<std::int64_t>(turns_->next())};
  outputs.put("route", Shape{1}, std::span<const std::int64_t>(route));
}

}  // namespace scanflow::serving
