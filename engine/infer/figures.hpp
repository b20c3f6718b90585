// How a service fares, as series of numbers. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/infer/service.hpp"

namespace scanflow::infer {

/// Of a counter all that there was; a histogram is name_bucket with `le` (seconds, cumulative), name_sum and
/// name_count, as Prometheus has it.
struct Figure {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
  bool operator==(const Figure&) const = default;
};

void add_histogram(std::vector<Figure>& figures, const std::string& name,
                   const std::map<std::string, std::string>& labels, const Histogram& histogram);

/// inference_requests_total by outcome, inference_in_flight, inference_seconds; by node
/// inference_queue_seconds, and by node and version inference_call_seconds.
std::vector<Figure> figures_of(const ServiceStatus& status);
/// Those of `now` that are not what stood in their place before; and how many are on their way.
std::vector<Figure> changed(const std::vector<Figure>& before, const std::vector<Figure>& now);

}  // namespace scanflow::infer
