// How the Pods of a service fare, of what their sidecars tell.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/knowledge/knowledge.hpp"

namespace scanflow::services {

struct PodFigures {
  std::uint64_t requests = 0;  // that Pods which are there have answered
  double errors = 0;           // the share of them that failed
  double in_flight = 0;
  std::int64_t p50_us = 0, p99_us = 0;  // of the last five minutes; the upper bound of a bucket
};

/// Requests on their way in these Pods now; nothing: none of them has told it lately.
std::optional<double> in_flight_of(const knowledge::Knowledge& recent,
                                   const std::vector<std::string>& pods, std::int64_t now_us);

/// `id`: of the service's document; `pods`: their uids; `now_us`: wall clock.
PodFigures figures_of(const knowledge::Knowledge& recent, const std::string& id,
                      const std::vector<std::string>& pods, std::int64_t now_us);

}  // namespace scanflow::services
