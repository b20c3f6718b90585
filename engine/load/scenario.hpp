// The scenarios of MLPerf Inference's load generator, and when each asks. Pure. Source: Reddi et al., MLPerf
// Inference Benchmark (ISCA 2020); github.com/mlcommons/inference, loadgen.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace scanflow::load {

enum class Scenario {
  single_stream,  // one at a time: the next when the last is answered
  multi_stream,   // so many samples in each request, one request at a time
  server,         // requests arrive as they like (Poisson), however slow the answers are
  offline,        // all at once, so many connections as can be used
};
std::string_view name(Scenario scenario);
/// In any case of letters, with or without '_' and '-'.
std::optional<Scenario> scenario_of(std::string_view name);

/// When the requests of an open loop are due, in microseconds from the begin, over so long: intervals are
/// exponential with the mean 1/rate. The same seed gives the same times.
std::vector<std::int64_t> poisson_arrivals(double rate_per_second, std::int64_t duration_us,
                                           std::uint64_t seed);

}  // namespace scanflow::load
