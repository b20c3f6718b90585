#include "engine/infer/traffic.hpp"

#include <algorithm>

namespace scanflow::infer {

Traffic::Traffic(const std::vector<Share>& shares) : behind_(shares.size(), 0.0) {
  weights_.reserve(shares.size());
  double sum = 0;
  for (const Share& share : shares) {
    weights_.push_back(share.shadow ? 0 : share.weight);
    sum += weights_.back();
  }
  if (sum > 0)
    for (double& weight : weights_) weight /= sum;
}

std::ptrdiff_t Traffic::next(std::int64_t rows) {
  std::ptrdiff_t best = -1;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    if (weights_[i] <= 0) continue;
    behind_[i] += weights_[i] * static_cast<double>(rows);
    if (best < 0 || behind_[i] > behind_[static_cast<std::size_t>(best)])
      best = static_cast<std::ptrdiff_t>(i);
  }
  if (best >= 0) behind_[static_cast<std::size_t>(best)] -= static_cast<double>(rows);
  return best;
}

}  // namespace scanflow::infer
