// What CPU and memory to request, from what was used. Pure.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "plugins/strategies/rightsize/histogram.hpp"

namespace scanflow::strategies {

/// As Kubernetes' VerticalPodAutoscaler does (kubernetes/autoscaler, "Vertical Pod Autoscaler"):
///
///   cpu    = (1 + margin) P(looks)             P: the percentile of a histogram whose weights halve in `half_life`
///   memory = (1 + margin) P(peaks)             peaks: the largest of each `peak`; never less than (1 + margin) of the last one
///            or floor, where that is more      after an OOM: oom_factor * what it had, for half_life 2^k, k: how often a
///                                              floor was too low once it had lapsed, 6 at most
///   asked for, within [min, max], where it differs from the request by more than `tolerance` of it, `history` was seen, and
///   `every` has passed since it was asked last; after an OOM at once
///
/// What is used does not depend on the request unless the request limits it; there `margin` > `tolerance` lets it grow: by
/// 1 + margin at least each time that the percentile has come there (after 0.15 half-lives for 0.9). A process that needs N and
/// has r ends by OOM log(N / r) / log(oom_factor) times, rounded up, until it has it.
struct RightsizeLaw {
  double percentile = 0.9, margin = 0.15, tolerance = 0.1, oom_factor = 1.5;
  double min_cpu = 0.01, max_cpu = std::numeric_limits<double>::infinity();          // cores
  double min_memory = 0x1p25, max_memory = std::numeric_limits<double>::infinity();  // bytes
  std::int64_t half_life_us = 86'400'000'000, history_us = 3'600'000'000, peak_us = 600'000'000,
               every_us = 600'000'000;
  std::int64_t min_looks = 30;
};

/// What is seen at one look; none: nobody knows.
struct Usage {
  std::optional<double> cpu, memory;                  // cores, bytes
  std::optional<double> ooms;                         // a counter; one that falls was started again
  std::optional<double> cpu_request, memory_request;  // none: there is none
};

struct Wanted {
  std::optional<double> cpu, memory;  // to be asked for
};

class RightsizeState {
 public:
  /// Empty: nothing was seen yet. Throws json::exception where it is not one of text().
  static RightsizeState read(std::string_view text);
  std::string text() const;

  Wanted decide(const RightsizeLaw& law, std::int64_t now_us, const Usage& usage);

 private:
  void note_memory(const RightsizeLaw& law, std::int64_t now_us, double memory);
  bool note_ooms(const RightsizeLaw& law, std::int64_t now_us, const Usage& usage);
  double memory_wanted(const RightsizeLaw& law, std::int64_t now_us,
                       std::optional<double> request) const;

  DecayingHistogram cpu_{0.01}, memory_{0x1p20};
  std::int64_t first_us_ = 0, seen_us_ = 0, asked_us_ = 0;  // 0: never
  std::int64_t looks_ = 0;
  std::int64_t peak_of_ = 0;           // which `peak` since 1970
  double peak_ = 0, peak_weight_ = 0;  // its largest, and what that counts
  std::optional<double> ooms_;         // as seen last
  std::int64_t lapses_ = 0, floor_until_us_ = 0;
  double floor_ = 0;
};

}  // namespace scanflow::strategies
