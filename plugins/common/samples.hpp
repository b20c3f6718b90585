// Samples of metrics, as a host wakes triggers with them: {"name", "labels", "time_us", "value"}.
#pragma once

#include <nlohmann/json.hpp>
#include <scanflow/error.hpp>
#include <string>

namespace scanflow {

/// Is it one of this metric, of a series with these labels?
inline bool is_sample_of(const nlohmann::json& sample, const std::string& name,
                         const nlohmann::json& labels) {
  if (sample.value("name", "") != name) return false;
  const auto has = sample.value("labels", nlohmann::json::object());
  for (const auto& [key, value] : labels.items())
    if (has.value(key, nlohmann::json()) != value) return false;
  return true;
}

/// Throws Invalid where a configuration's `labels` is no map of texts.
inline void check_labels(const nlohmann::json& labels) {
  if (!labels.is_object()) throw Invalid("labels: write a map: {service: digits}");
  for (const auto& [name, value] : labels.items())
    if (!value.is_string()) throw Invalid("labels." + name + ": write a text, in quotes");
}

}  // namespace scanflow
