// What `scanflow top` shows of the attempts that run, out of the engine's document of them
// (engine/runtime/top.hpp). Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace scanflow::cli {

struct TopMetric {
  std::string name;
  double value = 0;
  std::optional<double> rate;  // a second, where it has grown
};

struct TopRow {
  std::string run, pipeline, step;
  std::uint32_t attempt = 0;
  std::int64_t lasted_us = 0;
  std::string state;                    // "running", "paused", "throttled 30 %"
  bool held = false;                    // it does not go on as fast as it could
  std::optional<double> progress;       // 0 to 1
  std::string message;                  // of its progress
  std::optional<double> cpu;            // cores
  std::optional<double> memory, limit;  // bytes
  std::vector<TopMetric> metrics;       // the application's, the newest of each name
  nlohmann::json pod;                   // run_facts.hpp's pod_document; null: it is in none
  bool observed = false;                // a sidecar can act on it
  std::string offers;                   // "checkpoint, stop_early"
  nlohmann::json last;                  // what was asked of it last; null: nothing

  /// Of its limit; nothing without one.
  std::optional<double> used() const;
};

enum class TopSort { cpu, memory, time, name };

/// In the order of `sort`: the most first, what is not known last; by name where they are equal, so
/// that rows stay where they are. `before`: an earlier document, for rates; null: there is none.
std::vector<TopRow> top_rows(const nlohmann::json& top, const nlohmann::json& before, TopSort sort);

/// "loss 0.081  images 1200 (+40/s)"
std::string metrics_text(const TopRow& row);

}  // namespace scanflow::cli
