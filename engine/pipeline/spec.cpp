#include "engine/pipeline/spec.hpp"

#include <array>

namespace scanflow::pipeline {
namespace {

constexpr std::array<std::string_view, 12> kCauses{"none",    "error",  "retryable", "exit",
                                                   "crash",   "oom",    "timeout",   "lost",
                                                   "evicted", "config", "cancelled", "upstream"};

}  // namespace

std::string_view name(Cause cause) { return kCauses.at(static_cast<std::size_t>(cause)); }

std::optional<Cause> parse_cause(std::string_view text) {
  for (std::size_t i = 0; i < kCauses.size(); ++i) {
    if (kCauses[i] == text) return static_cast<Cause>(i);
  }
  return std::nullopt;
}

}  // namespace scanflow::pipeline
