#include "plugins/common/durations.hpp"

#include <stdexcept>

#include "sdk/base/units.hpp"

namespace scanflow {

std::int64_t duration_us(const std::string& text) {
  const auto duration = parse_duration(text);
  if (!duration) throw std::invalid_argument(duration.error().message);
  return *duration;
}

}  // namespace scanflow
