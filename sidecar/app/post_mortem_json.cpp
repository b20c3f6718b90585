#include "sidecar/app/post_mortem_json.hpp"

#include <cmath>
#include <optional>
#include <string>

#include "sdk/base/signals.hpp"

namespace scanflow::sidecar {
namespace {

using nlohmann::json;

void put(json& document, const char* name, const std::optional<double>& value) {
  if (value) document[name] = *value;
}

/// Three digits are enough for a picture.
json rounded(float value) {
  if (!std::isfinite(value)) return nullptr;
  if (value == 0) return 0;
  const double scale = std::pow(10.0, 2 - std::floor(std::log10(std::fabs(value))));
  return std::round(static_cast<double>(value) * scale) / scale;
}

json curve_json(const collect::Curve& curve) {
  const auto& described = collect::describe(curve.signal);
  json values = json::array();
  for (const float value : curve.values) values.push_back(rounded(value));
  return {{"signal", described.name},
          {"unit", described.unit},
          {"step_s", static_cast<double>(curve.step_us) / 1e6},
          {"values", std::move(values)}};
}

}  // namespace

json to_json(const collect::PostMortem& post_mortem, std::int64_t now_us) {
  json document = {{"cause", collect::name_of(post_mortem.cause)},
                   {"certain", post_mortem.certain},
                   {"reason", post_mortem.reason},
                   {"summary", collect::summary(post_mortem)}};
  if (post_mortem.exit_code) document["exit_code"] = *post_mortem.exit_code;
  if (post_mortem.signal != 0) document["signal"] = signal_name(post_mortem.signal);
  json memory = json::object();
  put(memory, "peak_bytes", post_mortem.memory_peak);
  put(memory, "limit_bytes", post_mortem.memory_limit);
  put(memory, "slope_bytes_s", post_mortem.memory_slope);
  if (post_mortem.growing_since_us)
    memory["growing_s"] = static_cast<double>(now_us - *post_mortem.growing_since_us) / 1e6;
  json pressure = json::object();
  put(pressure, "memory", post_mortem.memory_pressure);
  put(pressure, "cpu", post_mortem.cpu_pressure);
  put(pressure, "io", post_mortem.io_pressure);
  if (!memory.empty()) document["memory"] = std::move(memory);
  if (!pressure.empty()) document["pressure"] = std::move(pressure);
  for (const collect::Curve& curve : post_mortem.curves)
    document["curves"].push_back(curve_json(curve));
  if (!post_mortem.last_lines.empty()) document["last_lines"] = post_mortem.last_lines;
  return document;
}

}  // namespace scanflow::sidecar
