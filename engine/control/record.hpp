// What agents could be woken by, as it is kept in files: for replays.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/control/decision.hpp"
#include "engine/knowledge/types.hpp"
#include "sdk/base/label_selector.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::control {

struct RecordedSample {
  std::string name;
  Labels labels;
  knowledge::Kind kind = knowledge::Kind::gauge;
  double value = 0;
};
/// An event, or a sample.
struct Recorded {
  std::int64_t time_us = 0;  // since 1970
  std::optional<Happening> event;
  std::optional<RecordedSample> sample;
};

/// A line of a record: {"time_us", "event": {"type", "source", "payload"}}, or {"time_us", "sample": {"name", "labels",
/// "kind": counter | gauge, "value"}}.
json to_json(const Recorded& recorded);
/// Of a file of such lines, by time. An error names the line.
Result<std::vector<Recorded>> read_record(const std::string& file, const std::string& text);

}  // namespace scanflow::control
