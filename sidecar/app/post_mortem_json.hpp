// A post-mortem as it travels and is stored.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "sidecar/collect/post_mortem.hpp"

namespace scanflow::sidecar {

/// {"cause", "certain", "reason", "summary", "exit_code", "signal", "memory": {"peak_bytes",
/// "limit_bytes", "slope_bytes_s", "growing_s"}, "pressure": {"memory", "cpu", "io"}, "curves":
/// [{"signal", "unit", "step_s", "values"}], "last_lines"}: what is not known is absent, and null in
/// a curve. now_us: the history's clock.
nlohmann::json to_json(const collect::PostMortem& post_mortem, std::int64_t now_us);

}  // namespace scanflow::sidecar
