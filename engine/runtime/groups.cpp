// Runs of one concurrency group: so many at once, the others wait, cancel them, or are refused.
#include <fmt/format.h>

#include <algorithm>

#include "engine/runtime/engine_impl.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::runtime {

using run::Event;
using run::EventType;
using Policy = pipeline::Concurrency::Policy;

std::vector<EntryPtr> Engine::Impl::in_group(const std::string& group, bool queued) const {
  std::vector<EntryPtr> members;
  const auto is_member = [&](const Entry& entry) {
    const bool waits = entry.run.machine().status() == run::RunStatus::queued;
    return waits == queued && entry.run.plan().group == group &&
           (!waits || entry.run.waits().empty());
  };
  for (const EntryPtr& entry : order) {
    if (!entry->over && is_member(*entry)) members.push_back(entry);
  }
  for (const auto& [id, entry] : held) {
    if (is_member(*entry) && is_expected(*entry)) members.push_back(entry);
  }
  std::stable_sort(members.begin(), members.end(), [](const EntryPtr& a, const EntryPtr& b) {
    return a->run.created_us() < b->run.created_us();
  });
  return members;
}

Engine::Impl::GroupTurn Engine::Impl::enter_group(const Entry& entry) {
  const std::string& group = entry.run.plan().group;
  if (group.empty()) return {};
  for (auto caller = entry.run.submission().caller; caller;) {
    const auto calling = runs.find(caller->run);
    if (calling == runs.end()) break;
    if (calling->second->run.plan().group == group) {
      return {false,
              fmt::format("it is of the concurrency group '{}', as is run {}, which calls it: "
                          "it would wait for itself; give one of them another group",
                          group, caller->run)};
    }
    caller = calling->second->run.submission().caller;
  }
  const pipeline::Concurrency& limits = entry.run.plan().pipeline->concurrency;
  const std::vector<EntryPtr> running = in_group(group, false);
  const std::vector<EntryPtr> waiting = in_group(group, true);
  if (running.size() < limits.max && waiting.empty()) return {};
  if (limits.policy == Policy::reject) {
    std::string ids;
    for (const EntryPtr& each : running) ids += (ids.empty() ? "" : ", ") + each->run.id();
    return {false, fmt::format("the concurrency group '{}' has {} of {} runs at once ({}), and its "
                               "policy is reject; nothing was run",
                               group, running.size(), limits.max, ids)};
  }
  if (limits.policy == Policy::cancel_running) {
    for (const std::vector<EntryPtr>& members : {running, waiting}) {
      for (const EntryPtr& each : members) {
        if (each->run.machine().cancelling()) continue;
        Event event{.type = EventType::cancel_requested,
                    .cause = run::Cause::cancelled,
                    .time_us = wall_us()};
        each->run.apply(event, batch);
        each->changed = true;
      }
    }
  }
  return {true, ""};
}

}  // namespace scanflow::runtime
