#include "engine/services/refusals.hpp"

#include <algorithm>

namespace scanflow::services {
namespace {

constexpr std::int64_t kFirstRefusalUs = 2'000'000;

}  // namespace

std::string Refusals::why_not(const std::string& about, const json& what,
                              std::int64_t now_us) const {
  const auto found = refused_.find(about);
  return found != refused_.end() && now_us < found->second.again_us ? last(about, what) : "";
}

std::string Refusals::last(const std::string& about, const json& what) const {
  const auto found = refused_.find(about);
  return found != refused_.end() && found->second.what == what ? found->second.why : "";
}

void Refusals::note(const std::string& about, const json& what, const std::string& problem,
                    std::int64_t longest_us, std::int64_t now_us) {
  if (problem.empty()) {
    refused_.erase(about);
    return;
  }
  Refused& refused = refused_[about];
  const bool again = refused.what == what && refused.wait_us > 0;
  const std::int64_t wait_us = again ? std::min(refused.wait_us * 2, longest_us) : kFirstRefusalUs;
  refused = {what, problem, now_us + wait_us, wait_us};
}

}  // namespace scanflow::services
