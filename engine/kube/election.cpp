#include "engine/kube/election.hpp"

#include "engine/kube/fields.hpp"
#include "sdk/base/utc.hpp"

namespace scanflow::kube {

using nlohmann::json;

std::optional<json> Election::claim(const json& lease, std::int64_t now_us, std::int64_t wall_us) {
  const json& spec = part_of(lease, "spec");
  holder_ = text_of(spec, "holderIdentity");
  if (const std::string now = spec.dump(); now != seen_ || seen_us_ == 0) {
    seen_ = now;
    seen_us_ = now_us;
  }
  const bool own = holder_ == identity_;
  // How long its holder asks for; of one that asks for less than we would, less is waited.
  const std::int64_t asked_us = number_of(spec, "leaseDurationSeconds") * 1'000'000;
  const bool over =
      holder_.empty() || now_us - seen_us_ >= (asked_us > 0 ? asked_us : times_.lease_us);
  if (!own) held_us_.reset();
  if (!own && !over) return std::nullopt;
  json wanted = lease.is_object() ? lease : json::object();
  json& to = wanted["spec"];
  if (!to.is_object()) to = json::object();
  to["holderIdentity"] = identity_;
  to["leaseDurationSeconds"] = times_.lease_us / 1'000'000;
  to["renewTime"] = utc_text_us(wall_us);
  // One that an earlier process of this name had is a new term too: that one may still live.
  if (!own || !held_us_) {
    to["acquireTime"] = utc_text_us(wall_us);
    to["leaseTransitions"] = number_of(spec, "leaseTransitions") + 1;
  }
  return wanted;
}

void Election::written(const json& lease, std::int64_t now_us) {
  const json& spec = part_of(lease, "spec");
  holder_ = identity_;
  term_ = number_of(spec, "leaseTransitions");
  seen_ = spec.dump();
  seen_us_ = now_us;
  held_us_ = now_us;
}

json Election::released(json lease, std::int64_t wall_us) {
  json& spec = lease["spec"];
  spec["holderIdentity"] = "";
  spec["leaseDurationSeconds"] = 1;
  spec["renewTime"] = utc_text_us(wall_us);
  return lease;
}

}  // namespace scanflow::kube
