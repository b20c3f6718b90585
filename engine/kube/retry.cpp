#include "engine/kube/retry.hpp"

#include <algorithm>

namespace scanflow::kube {
namespace {

bool may_pass(const Failure& failure, bool harmless) {
  using Why = http::NoAnswer::Why;
  constexpr int kTooMany = 429, kServers = 500;
  if (failure.code == kTooMany) {
    // An eviction that a disruption budget forbids: whoever asked for it decides.
    return failure.details.value("causes", json()).dump().find("DisruptionBudget") ==
           std::string::npos;
  }
  if (failure.code >= kServers) return harmless || failure.retry_after.has_value();
  if (failure.code != 0 || failure.why == Why::stopped || failure.why == Why::tls) return false;
  return harmless || !failure.sent;
}

}  // namespace

std::int64_t backoff_us(int n, double jitter, std::int64_t first_us, std::int64_t longest_us) {
  std::int64_t wait_us = first_us;
  for (int i = 0; i < n && wait_us < longest_us; ++i) wait_us *= 2;
  wait_us = std::min(wait_us, longest_us);
  return wait_us / 2 + static_cast<std::int64_t>(jitter * static_cast<double>(wait_us) / 2);
}

std::optional<std::int64_t> next_try_us(const Failure& failure, bool harmless, int tried,
                                        double jitter, const Repeat& repeat) {
  if (tried >= repeat.most || !may_pass(failure, harmless)) return std::nullopt;
  const std::int64_t own_us = backoff_us(tried - 1, jitter, repeat.first_us, repeat.longest_us);
  if (!failure.retry_after) return own_us;
  const std::int64_t asked_us = failure.retry_after->count() * 1000;
  if (asked_us > repeat.longest_asked_us) return std::nullopt;
  return asked_us + own_us / 2;
}

}  // namespace scanflow::kube
