// Requests to ask with: from a file, or made up from what a service says it takes. Pure but for the file.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/load/generator.hpp"

namespace scanflow::load {

struct SampleOptions {
  std::int64_t rows = 1;   // of each request
  bool binary = true;      // as binary tensors
  std::uint64_t seed = 1;  // of the values
  unsigned count = 16;     // different requests
};

/// `model`: the service's metadata (GET /v2/models/NAME). Values are drawn: numbers from 0 to 255 (a byte's
/// range), texts short. Sizes of -1 are rows in front, else 1. An error where it does not say what it
/// takes.
Result<std::vector<Sample>> drawn_samples(const nlohmann::json& model,
                                          const SampleOptions& options);

/// A request as JSON, sent as it is. An error names the file.
Result<std::vector<Sample>> read_samples(const std::vector<std::string>& files);

}  // namespace scanflow::load
