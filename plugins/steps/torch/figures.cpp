#include "plugins/steps/torch/figures.hpp"

#include <algorithm>

namespace scanflow::cnn {
namespace {

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

ClassFigures class_figures(const Figures& figures, std::size_t which) {
  std::int64_t called = 0;
  std::int64_t are = 0;
  for (std::size_t other = 0; other < data::kClasses; ++other) {
    called += figures.confusion[other][which];
    are += figures.confusion[which][other];
  }
  const std::int64_t right = figures.confusion[which][which];
  ClassFigures out{are, share(right, called), share(right, are), 0};
  if (right > 0) out.f1 = 2 * out.precision * out.recall / (out.precision + out.recall);
  return out;
}

}  // namespace

Figures figures_of(std::span<const float> probabilities, std::span<const std::uint8_t> labels) {
  Figures out;
  out.count = static_cast<std::int64_t>(labels.size());
  std::int64_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto mine = probabilities.subspan(i * data::kClasses, data::kClasses);
    const auto best =
        static_cast<std::uint8_t>(std::max_element(mine.begin(), mine.end()) - mine.begin());
    ++out.confusion[labels[i]][best];
    if (best == labels[i]) {
      ++right;
    } else {
      out.mistakes.push_back({i, labels[i], best, mine[best], mine[labels[i]]});
    }
  }
  out.accuracy = share(right, out.count);
  for (std::size_t i = 0; i < data::kClasses; ++i) out.classes[i] = class_figures(out, i);
  std::stable_sort(out.mistakes.begin(), out.mistakes.end(),
                   [](const Mistake& a, const Mistake& b) { return a.confidence > b.confidence; });
  return out;
}

}  // namespace scanflow::cnn
