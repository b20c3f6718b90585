#include "plugins/steps/serving/resample.hpp"

#include <algorithm>
#include <cmath>

namespace scanflow::serving {

Taps bilinear(std::size_t from, std::size_t to, std::size_t first, std::size_t count,
              bool antialias) {
  Taps plan;
  plan.identity = from == to;
  const double step = static_cast<double>(from) / static_cast<double>(to);
  const double radius = antialias ? std::max(step, 1.0) : 1.0;
  const auto widest = plan.identity ? 1 : static_cast<std::size_t>(std::ceil(2 * radius)) + 1;
  plan.taps = std::min(widest, from);
  plan.weights.resize(plan.taps * count);
  for (std::size_t i = 0; i < count; ++i) {
    if (plan.identity) {
      plan.starts.push_back(first + i);
      plan.weights[i] = 1;
      continue;
    }
    // Beyond the border there is nothing: without antialiasing the border's pixel stands for it,
    // with it the weights of what there is are scaled to 1.
    double centre = (static_cast<double>(first + i) + 0.5) * step - 0.5;
    if (!antialias) centre = std::clamp(centre, 0.0, static_cast<double>(from - 1));
    const auto lowest = static_cast<std::int64_t>(std::ceil(centre - radius));
    const auto start = static_cast<std::size_t>(std::clamp<std::int64_t>(
        lowest, 0, static_cast<std::int64_t>(from) - static_cast<std::int64_t>(plan.taps)));
    plan.starts.push_back(start);
    float* weights = &plan.weights[plan.taps * i];
    double sum = 0;
    for (std::size_t j = 0; j < plan.taps; ++j) {
      const double distance = std::abs(static_cast<double>(start + j) - centre) / radius;
      weights[j] = static_cast<float>(std::max(0.0, 1.0 - distance));
      sum += weights[j];
    }
    for (std::size_t j = 0; j < plan.taps; ++j) weights[j] /= static_cast<float>(sum);
  }
  return plan;
}

}  // namespace scanflow::serving
