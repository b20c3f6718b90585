// Durations ("1m30s", "500ms") and sizes ("512Mi", "1.5G"), as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sdk/base/result.hpp"

namespace scanflow {

/// Microseconds. Units: us, ms, s, m, h, d, w; several may follow each other ("1h30m"). No unit: an
/// error.
Result<std::int64_t> parse_duration(std::string_view text);
/// Bytes. Units as in Kubernetes: none, k, M, G, T (1000) and Ki, Mi, Gi, Ti (1024).
Result<std::uint64_t> parse_bytes(std::string_view text);
/// Processors: "2", "0.5", "500m".
Result<double> parse_cpu(std::string_view text);

/// "0.4 s", "1 m 05 s", "2 h 10 m": for people.
std::string format_duration(std::int64_t us);
/// "412 MiB": for people.
std::string format_bytes(std::uint64_t bytes);

}  // namespace scanflow
