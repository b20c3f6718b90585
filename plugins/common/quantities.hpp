// Amounts as Kubernetes writes them. No header of the host's, as in durations.hpp.
#pragma once

#include <string>

namespace scanflow {

/// Cores of "500m", "2". Throws std::invalid_argument, which says what is wrong.
double cores(const std::string& text);
/// Bytes of "512Mi", "1.5G". Throws std::invalid_argument.
double bytes(const std::string& text);

/// "437m"; "600Mi": rounded up.
std::string cores_text(double cores);
std::string mebibytes_text(double bytes);

}  // namespace scanflow
