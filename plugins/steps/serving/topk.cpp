#include "plugins/steps/serving/topk.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace scanflow::serving {
namespace {

bool goes_before(std::span<const float> row, std::int64_t a, std::int64_t b) {
  const float left = row[static_cast<std::size_t>(a)], right = row[static_cast<std::size_t>(b)];
  if (std::isnan(left) || std::isnan(right)) {
    return std::isnan(left) == std::isnan(right) ? a < b : std::isnan(right);
  }
  return left != right ? left > right : a < b;
}

}  // namespace

TopK top_k(std::span<const float> scores, std::size_t columns, std::size_t k, bool softmax) {
  TopK top;
  std::vector<std::int64_t> order(columns);
  for (std::size_t first = 0; columns > 0 && first + columns <= scores.size(); first += columns) {
    const auto row = scores.subspan(first, columns);
    std::iota(order.begin(), order.end(), std::int64_t{0});
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(),
                      [&](std::int64_t a, std::int64_t b) { return goes_before(row, a, b); });
    const float highest = row[static_cast<std::size_t>(order[0])];  // so that nothing overflows
    double sum = 0;
    if (softmax)
      for (const float value : row) sum += std::exp(double{value} - highest);
    for (std::size_t i = 0; i < k; ++i) {
      const float value = row[static_cast<std::size_t>(order[i])];
      top.classes.push_back(order[i]);
      top.scores.push_back(softmax ? static_cast<float>(std::exp(double{value} - highest) / sum)
                                   : value);
    }
  }
  return top;
}

}  // namespace scanflow::serving
