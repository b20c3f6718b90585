// Times as configurations have them. No header of the host's: a plugin's Error is not the host's.
#pragma once

#include <cstdint>
#include <string>

namespace scanflow {

/// Microseconds of "500ms", "1h30m". Throws std::invalid_argument, which says what is wrong.
std::int64_t duration_us(const std::string& text);

}  // namespace scanflow
