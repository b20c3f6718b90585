#include "plugins/strategies/rightsize/histogram.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace scanflow::strategies {
namespace {

constexpr double kGrowth = 0.05;
constexpr int kMostBuckets = 400;
constexpr double kForgotten = 1e-4;  // weight that counts no more

}  // namespace

int DecayingHistogram::bucket_of(double amount) const {
  const double bucket = std::log1p(std::max(0.0, amount) * kGrowth / first_) / std::log1p(kGrowth);
  return static_cast<int>(std::clamp(bucket, 0.0, double{kMostBuckets - 1}));
}

double DecayingHistogram::end_of(int bucket) const {
  return first_ * (std::pow(1 + kGrowth, bucket + 1) - 1) / kGrowth;
}

void DecayingHistogram::decay(double factor) {
  for (auto& [bucket, weight] : weights_) weight *= factor;
  std::erase_if(weights_, [](const auto& each) { return each.second < kForgotten; });
}

void DecayingHistogram::add(double amount, double weight) {
  double& sum = weights_[bucket_of(amount)];
  sum = std::max(0.0, sum + weight);
}

double DecayingHistogram::percentile(double share) const {
  double all = 0, so_far = 0;
  for (const auto& [bucket, weight] : weights_) all += weight;
  if (all <= 0) return 0;
  for (const auto& [bucket, weight] : weights_) {
    so_far += weight;
    if (so_far >= share * all) return end_of(bucket);
  }
  return end_of(weights_.rbegin()->first);
}

nlohmann::json DecayingHistogram::to_json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [bucket, weight] : weights_) {
    list.push_back(bucket);
    list.push_back(std::strtod(fmt::format("{:.5g}", weight).c_str(), nullptr));
  }
  return list;
}

void DecayingHistogram::read(const nlohmann::json& document) {
  weights_.clear();
  for (std::size_t i = 0; i + 1 < document.size(); i += 2)
    weights_[document.at(i).get<int>()] = document.at(i + 1).get<double>();
}

}  // namespace scanflow::strategies
