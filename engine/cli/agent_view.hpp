// Agents and their decisions, for people.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace scanflow::cli {

/// "2026-11-30 15:04:05", here; "-" for 0.
std::string local_time(std::int64_t us);
/// Of an agent: "in the server", "at HOST (PID)", "waits for its process".
std::string run_by_text(const nlohmann::json& agent);
/// A line of each, in their order.
std::string decisions_table(const nlohmann::json& decisions);

}  // namespace scanflow::cli
