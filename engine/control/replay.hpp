// What an agent would have decided: its rules, woken by what was recorded, at the times of the record, by the same code as in
// a server. Nothing of what it asks for is done.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/control/record.hpp"
#include "engine/pipeline/agent_spec.hpp"
#include "sdk/base/result.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::control {

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
