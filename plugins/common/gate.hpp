// Which candidate may take the place of what serves. Pure.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>

#include "plugins/common/statistics.hpp"

namespace scanflow::strategies {

/// Two proportions, shares of right answers of one gate set:
///
///   z = (candidate - margin - baseline) / sqrt(p (1 - p) (2 / samples))      p: of both together
///   passes: z >= sure, candidate >= lowest, samples >= min_samples
///
/// 1.64: of candidates that are no better one in 20 passes.
struct Gate {
  double margin = 0, sure = 1.64, lowest = 0;
  std::int64_t min_samples = 100;
};

/// Empty: it passes. Without a baseline nothing serves yet: then `lowest` and `min_samples` decide.
inline std::string why_not_better(const Gate& gate, double candidate,
                                  std::optional<double> baseline, double samples) {
  const auto is_share = [](double value) { return value >= 0 && value <= 1; };
  if (!is_share(candidate) || !is_share(baseline.value_or(0)))
    return fmt::format("{:g} against {:g} are no shares of right answers, within 0 and 1",
                       candidate, baseline.value_or(0));
  if (!(samples >= static_cast<double>(gate.min_samples)))
    return fmt::format("it was judged by {:g} samples; {} are asked for", samples,
                       gate.min_samples);
  if (candidate < gate.lowest)
    return fmt::format("{:.4f} is below the floor, {:g}", candidate, gate.lowest);
  if (!baseline) return {};
  const double surely = above(candidate - gate.margin, samples, *baseline, samples);
  if (surely >= gate.sure) return {};
  return fmt::format(
      "{:.4f} against {:.4f} of {:g} samples is not surely better by {:g} ({:.2f} standard "
      "deviations; {:g} are asked for)",
      candidate, *baseline, samples, gate.margin, surely, gate.sure);
}

}  // namespace scanflow::strategies
