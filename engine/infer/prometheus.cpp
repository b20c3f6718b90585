#include "engine/infer/prometheus.hpp"

#include <fmt/format.h>

#include <array>

namespace scanflow::infer {
namespace {

/// Upper bounds of Prometheus's buckets, in microseconds.
constexpr std::array<std::int64_t, 14> kBounds = {100,     250,     500,       1'000,    2'500,
                                                  5'000,   10'000,  25'000,    50'000,   100'000,
                                                  250'000, 500'000, 1'000'000, 2'500'000};

}  // namespace

void append_histogram(std::string& out, const std::string& name, const std::string& labels,
                      const Histogram& histogram) {
  for (const std::int64_t bound : kBounds) {
    out += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels,
                       static_cast<double>(bound) / 1e6, histogram.at_most(bound));
  }
  out +=
      fmt::format("{0}_bucket{{{1},le=\"+Inf\"}} {2}\n{0}_sum{{{1}}} {3}\n{0}_count{{{1}}} {2}\n",
                  name, labels, histogram.count(), static_cast<double>(histogram.sum_us()) / 1e6);
}

}  // namespace scanflow::infer
