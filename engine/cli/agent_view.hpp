// Agents and their decisions, for people.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace scanflow::cli {

/// "2026-11-30 15:04:05", here; "-" for 0.
std::string local_time(std::int64_t us);
/// A line of each, in their order.
std::string decisions_table(const nlohmann::json& decisions);

}  // namespace scanflow::cli
