// What an agent would have decided: its rules, woken by what was recorded, at the times of the record, by the same code as in
// a server. Nothing of what it asks for is done.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/control/decision.hpp"
#include "engine/knowledge/types.hpp"
#include "engine/pipeline/agent_spec.hpp"
#include "sdk/base/label_selector.hpp"
#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

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

struct ReplayOptions {
  std::shared_ptr<const pipeline::AgentSpec> spec;
  std::shared_ptr<const loader::Catalog> catalog;
  std::filesystem::path worker;  // scanflow-worker
  std::int64_t until_us = 0;     // timers go on until then; 0: until the record's last line
  std::function<void(const std::string& line)> log;
};
/// Oldest first: what acts would have been asked for is "recommended". An error: the agent cannot be run here.
Result<std::vector<Decision>> replay(const ReplayOptions& options,
                                     const std::vector<Recorded>& record);

}  // namespace scanflow::control
