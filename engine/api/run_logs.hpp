// Logs of a run's steps, read from the segments that the supervisor writes. Private to engine/api.
#pragma once

#include <string>
#include <vector>

#include "engine/api/runs.hpp"

namespace scanflow::api {

/// A part of a segment that one attempt has written.
struct LogPart {
  std::string step;
  std::uint32_t attempt = 0;
  std::filesystem::path segment;
  std::uint64_t offset = 0, length = 0;
  bool titled = false;
};

/// Of all steps of a run and of the runs that they call, or of those that `wanted` names: a step, a
/// group, or one of a called run ("call/train"); a step that calls stands for all within it.
Answer<std::vector<LogPart>> log_parts(const runtime::StateDirectory& state,
                                       const store::Store& store, const std::string& run,
                                       const std::string& wanted);
std::unique_ptr<LogReader> read_parts(std::vector<LogPart> parts);

}  // namespace scanflow::api
