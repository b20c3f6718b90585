#include "engine/runtime/turns.hpp"

#include <fmt/format.h>

namespace scanflow::runtime {

void Turns::add(const Place& place) {
  if (!place.called) ++running_[place.name_space];
  if (!place.group.empty()) ++in_group_[place.group];
}

const std::string& Turns::waits(const Place& place) {
  static const std::string nothing;
  // One that waited for its caller's would wait for ever.
  if (place.called) return nothing;
  if (const auto known = full_.find(place.name_space); known != full_.end()) return known->second;
  const pipeline::Owner* const owner = applications_.owner_of(place.name_space);
  if (owner == nullptr || !owner->team->quota.runs) return nothing;
  const std::size_t running = running_[place.name_space];
  const std::size_t limit = *owner->team->quota.runs;
  if (running < limit) return nothing;
  return full_[place.name_space] =
             fmt::format("it waits for the quota of {} ({}): {} of {} run{} at once",
                         place.name_space, to_text(*owner), running, limit, limit == 1 ? "" : "s");
}

bool Turns::take(const Place& place) {
  if (!waits(place).empty()) return false;
  if (!place.group.empty()) {
    if (full_groups_.contains(place.group)) return false;
    if (in_group_[place.group] >= place.group_max) {
      full_groups_.insert(place.group);
      return false;
    }
  }
  add(place);
  return true;
}

}  // namespace scanflow::runtime
