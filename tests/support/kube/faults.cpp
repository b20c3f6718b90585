#include "tests/support/kube/faults.hpp"

#include "tests/support/kube/status.hpp"

namespace scanflow::test::kube {

bool matches_pattern(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() != '*')
    return !text.empty() && pattern.front() == text.front() &&
           matches_pattern(pattern.substr(1), text.substr(1));
  for (std::size_t skipped = 0; skipped <= text.size(); ++skipped) {
    if (matches_pattern(pattern.substr(1), text.substr(skipped))) return true;
  }
  return false;
}

std::vector<Fault> Faults::meet(const Route& route, const std::string& name) {
  std::vector<Fault> met;
  for (Fault& rule : rules_) {
    const std::string resource = route.resource == nullptr ? "" : route.resource->plural;
    if (rule.times == 0 || (!rule.verb.empty() && rule.verb != route.verb) ||
        (!rule.resource.empty() && rule.resource != resource) ||
        (!rule.name.empty() && !matches_pattern(rule.name, name)))
      continue;
    if (rule.after > 0) {
      --rule.after;
      continue;
    }
    if (std::uniform_real_distribution<>(0, 1)(random_) >= rule.probability) continue;
    if (rule.times != UINT64_MAX) --rule.times;
    met.push_back(rule);
  }
  return met;
}

Refusal refusal_of(const Fault& fault, const Route& route) {
  switch (fault.status) {
    case 409:
      if (route.resource != nullptr) return modified(*route.resource, route.name);
      return failed(409, "Conflict", "conflict");
    case 410:
      return expired("The resourceVersion for the provided list is too old.");
    case 429:
      return too_many("Too many requests, please try again later.", fault.retry_after_s);
    case 500:
      return failed(500, "InternalError", "Internal error occurred: a fault of the test's");
    default: {
      Answer answer = failed(fault.status, fault.status == 503 ? "ServiceUnavailable" : "Unknown",
                             "the server is currently unable to handle the request")
                          .answer();
      if (fault.retry_after_s > 0)
        answer.headers.emplace_back("Retry-After", std::to_string(fault.retry_after_s));
      return Refusal(std::move(answer));
    }
  }
}

}  // namespace scanflow::test::kube
