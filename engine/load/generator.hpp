// Asks an inference service as a scenario says, and measures. In an open loop a request's time counts from
// when it was due, not from when a connection was free for it: what others call coordinated omission does not
// happen.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/http/client.hpp"
#include "engine/infer/histogram.hpp"
#include "engine/load/scenario.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::load {

/// What is sent; the samples take turns.
struct Sample {
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct Plan {
  http::Peer peer;
  std::string target;  // "/v2/models/digits/infer"
  Scenario scenario = Scenario::single_stream;
  std::vector<Sample> samples;  // at least one
  std::int64_t duration_us = 10'000'000;
  std::uint64_t requests = 0;  // at most; 0: as many as there is time for
  double rate = 100;           // Server: requests a second
  unsigned connections = 32;   // Server: at most; Offline: so many
  std::uint64_t seed = 1;
  std::uint64_t samples_each = 1;  // rows of one request
  std::chrono::milliseconds patience = std::chrono::seconds(30);
};

struct Outcome {
  std::map<int, std::uint64_t> statuses;        // 0: no answer
  std::map<std::string, std::uint64_t> errors;  // why not 200: text -> how often; at most 20 texts
  infer::Histogram latency;                     // of those with 200, from when they were due
  infer::Histogram late;  // Server: how long after it was due a request was sent
  std::uint64_t sent = 0;
  std::int64_t took_us = 0;
  std::int64_t cpu_us = 0;  // of this process meanwhile
};

/// Blocks until the scenario is over. An error: the service cannot be reached at all.
/// `stop`: ends it before.
Result<Outcome> run(const Plan& plan, const std::atomic<bool>& stop);

}  // namespace scanflow::load
