#include "plugins/common/quantities.hpp"

#include <fmt/format.h>

#include <cmath>
#include <stdexcept>

#include "sdk/base/units.hpp"

namespace scanflow {

double cores(const std::string& text) {
  const auto amount = parse_cpu(text);
  if (!amount) throw std::invalid_argument(amount.error().message);
  return *amount;
}

double bytes(const std::string& text) {
  const auto amount = parse_bytes(text);
  if (!amount) throw std::invalid_argument(amount.error().message);
  return static_cast<double>(*amount);
}

std::string cores_text(double cores) {
  return fmt::format("{}m", static_cast<long long>(std::ceil(cores * 1000 - 1e-6)));
}

std::string mebibytes_text(double bytes) {
  return fmt::format("{}Mi", static_cast<long long>(std::ceil(bytes / 0x1p20 - 1e-6)));
}

}  // namespace scanflow
