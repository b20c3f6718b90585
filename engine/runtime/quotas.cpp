#include "engine/runtime/quotas.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "sdk/base/units.hpp"

namespace scanflow::runtime {
namespace {

constexpr double kCpuTolerance = 1e-9;  // sums of tenths

InFlight asked_by(const pipeline::Step& step) {
  if (step.uses == "pipeline") return {};
  return {pipeline::cpus_of(step), pipeline::memory_of(step), pipeline::gpus_of(step)};
}

bool is_bound(const pipeline::Quota& quota, const InFlight& asked) {
  return (quota.cpus && asked.cpus > 0) || (quota.memory && asked.memory > 0) ||
         (quota.gpus && asked.gpus > 0);
}

/// "2 of 2 CPUs": of what in use there is too much for what is asked.
std::vector<std::string> full_of(const pipeline::Quota& quota, const InFlight& now,
                                 const InFlight& asked) {
  std::vector<std::string> full;
  if (quota.cpus && asked.cpus > 0 && now.cpus + asked.cpus > *quota.cpus + kCpuTolerance)
    full.push_back(fmt::format("{} of {} CPUs", now.cpus, *quota.cpus));
  if (quota.memory && asked.memory > 0 && now.memory + asked.memory > *quota.memory)
    full.push_back(
        fmt::format("{} of {} of memory", format_bytes(now.memory), format_bytes(*quota.memory)));
  if (quota.gpus && asked.gpus > 0 && now.gpus + asked.gpus > *quota.gpus)
    full.push_back(fmt::format("{} of {} GPUs", now.gpus, *quota.gpus));
  return full;
}

}  // namespace

void Quotas::add(const std::string& name_space, const run::Running& running) {
  occupy(name_space, *running.like, running.count);
}

void Quotas::occupy(const std::string& name_space, const pipeline::Step& step,
                    std::uint32_t count) {
  if (applications_->owner_of(name_space) == nullptr) return;
  const InFlight asked = asked_by(step);
  InFlight& sum = shares_[name_space].in_flight;
  sum.cpus += asked.cpus * count;
  sum.memory += asked.memory * count;
  sum.gpus += asked.gpus * count;
}

InFlight Quotas::of(const std::string& name_space) const {
  const auto found = shares_.find(name_space);
  return found == shares_.end() ? InFlight{} : found->second.in_flight;
}

bool Quotas::has_room(const std::string& name_space, const pipeline::Step& step) const {
  const pipeline::Owner* const owner = applications_->owner_of(name_space);
  const InFlight asked = asked_by(step);
  if (owner == nullptr || !is_bound(owner->team->quota, asked)) return true;
  const auto share = shares_.find(name_space);
  const bool kept = share != shares_.end() && !share->second.reserved.empty();
  return !kept && full_of(owner->team->quota, of(name_space), asked).empty();
}

std::string Quotas::waits(const std::string& name_space, const pipeline::Step& step) {
  const pipeline::Owner* const owner = applications_->owner_of(name_space);
  if (owner == nullptr) return {};
  const InFlight asked = asked_by(step);
  const pipeline::Quota& quota = owner->team->quota;
  if (!is_bound(quota, asked)) return {};
  Share& share = shares_[name_space];
  if (!share.reserved.empty()) return share.reserved;
  const std::vector<std::string> full = full_of(quota, share.in_flight, asked);
  if (full.empty()) return {};
  share.reserved = fmt::format("{} waits for the quota of {} ({}): {} in use", step.name,
                               name_space, to_text(*owner), fmt::join(full, ", "));
  return share.reserved;
}

std::string Quotas::never(const std::string& name_space, const pipeline::Step& step) const {
  const pipeline::Owner* const owner = applications_->owner_of(name_space);
  if (owner == nullptr) return {};
  const std::vector<std::string> over = pipeline::over_quota(owner->team->quota, step);
  if (over.empty()) return {};
  return fmt::format(
      "{} can never start under the quota of {} ({}): it asks for {}; raise 'quota' of the "
      "Application {}/{}",
      step.name, name_space, to_text(*owner), fmt::join(over, " and "),
      owner->application->name_space, owner->application->name);
}

bool WithinQuota::has_room(const pipeline::Step& step) const {
  return quotas_.has_room(name_space_, step) && inner_.has_room(step);
}

bool WithinQuota::take(const pipeline::Step& step) {
  std::string why = quotas_.never(name_space_, step);
  if (why.empty() && inner_.has_room(step)) why = quotas_.waits(name_space_, step);
  if (!why.empty()) {
    if (waits_.empty()) waits_ = std::move(why);
    return false;
  }
  if (!quotas_.has_room(name_space_, step) || !inner_.take(step)) return false;
  quotas_.occupy(name_space_, step);
  return true;
}

}  // namespace scanflow::runtime
