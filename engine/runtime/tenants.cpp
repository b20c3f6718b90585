// Namespaces of applications: what begins in them is held against rights, secrets and quotas.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/runtime/applications.hpp"
#include "engine/runtime/engine_impl.hpp"
#include "engine/runtime/replies.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::runtime {

using run::EventType;

namespace {

const std::string& namespace_of(const Entry& entry) {
  return entry.run.plan().pipeline->name_space;
}

bool is_queued(const Entry& entry) {
  return entry.run.machine().status() == run::RunStatus::queued;
}

}  // namespace

void Engine::Impl::take_applications(std::shared_ptr<const pipeline::Applications> now) {
  applications = std::move(now);
  if (failed || closing || finding_out > 0) return;
  start_all_waiting();
  pump();
  flush();
}

std::string Engine::Impl::refused(const Entry& entry) const {
  const Submission& submission = entry.run.submission();
  const auto found = pipeline::refusals(
      *applications, {*entry.run.plan().pipeline, submission.version, submission.caller_namespace});
  return pipeline::render_refusals(found, "nothing was run");
}

std::size_t Engine::Impl::count_runs(const std::string& name_space) const {
  const auto counts = [&](const Entry& entry) {
    return !entry.over && !entry.run.submission().caller && !is_queued(entry) &&
           namespace_of(entry) == name_space;
  };
  std::size_t count = 0;
  for (const EntryPtr& entry : order) count += counts(*entry) ? 1 : 0;
  for (const auto& [id, entry] : held) count += counts(*entry) && is_expected(*entry) ? 1 : 0;
  return count;
}

bool Engine::Impl::has_room(const std::string& name_space) const {
  const pipeline::Owner* const owner = applications->owner_of(name_space);
  if (owner == nullptr || !owner->team->quota.runs) return true;
  return count_runs(name_space) < *owner->team->quota.runs;
}

std::string Engine::Impl::waits_for_turn(const Entry& entry) const {
  // A run that a step calls is part of its caller's: one that waited for that would wait for ever.
  if (entry.run.submission().caller) return {};
  const std::string& name_space = namespace_of(entry);
  const pipeline::Owner* const owner = applications->owner_of(name_space);
  if (owner == nullptr || !owner->team->quota.runs) return {};
  const std::size_t running = count_runs(name_space);
  const std::size_t limit = *owner->team->quota.runs;
  if (running < limit) return {};
  return fmt::format("it waits for the quota of {} ({}): {} of {} run{} at once", name_space,
                     to_text(*owner), running, limit, limit == 1 ? "" : "s");
}

void Engine::Impl::start_waiting(const std::string& name_space) {
  std::vector<EntryPtr> waiting;
  for (const EntryPtr& entry : order) {
    const bool own = !entry->run.submission().caller;  // else it waits for its group alone
    if (own && !entry->over && is_queued(*entry) && namespace_of(*entry) == name_space)
      waiting.push_back(entry);
  }
  std::stable_sort(waiting.begin(), waiting.end(), [](const EntryPtr& a, const EntryPtr& b) {
    return a->run.created_us() < b->run.created_us();
  });
  for (const EntryPtr& entry : waiting) {
    if (!is_queued(*entry)) continue;  // begun with its group
    if (!has_room(name_space)) {
      entry->run.set_waits(waits_for_turn(*entry));
      continue;
    }
    if (const std::string& group = entry->run.plan().group; !group.empty()) {
      start_queued(group);
      continue;
    }
    entry->run.set_waits("");
    entry->run.apply({.type = EventType::run_started, .time_us = wall_us()}, batch);
    entry->changed = true;
  }
}

void Engine::Impl::start_all_waiting() {
  std::set<std::string> namespaces;
  for (const EntryPtr& entry : order) {
    if (!entry->over && is_queued(*entry)) namespaces.insert(namespace_of(*entry));
  }
  for (const std::string& each : namespaces) start_waiting(each);
}

json Engine::Impl::waiting_document(const Entry& entry) {
  return {{"run", entry.run.id()},
          {"pipeline", entry.run.plan().pipeline->name},
          {"why", entry.run.waits()}};
}

void Engine::Impl::tell_applications(const Client& client) {
  if (failed || closing || !options.store) return refuse(client);
  Quotas quotas(applications);
  std::map<std::string, Used> used;
  const auto add = [&](const Entry& entry) {
    const std::string& name_space = namespace_of(entry);
    if (entry.over || applications->owner_of(name_space) == nullptr) return;
    Used& here = used[name_space];
    for (const run::Running& running : entry.run.machine().running_by_kind())
      quotas.add(name_space, running);
    if (!entry.run.submission().caller) ++(is_queued(entry) ? here.queued : here.runs);
    if (entry.run.waits().empty()) return;
    here.waiting.push_back(waiting_document(entry));
  };
  for (const EntryPtr& entry : order) add(*entry);
  for (const auto& [id, entry] : held) {
    if (is_expected(*entry)) add(*entry);
  }
  for (auto& [name_space, here] : used) here.in_flight = quotas.of(name_space);
  work([this, client, now = applications, used = std::move(used)] {
    auto document = applications_document(*options.store, *now, used);
    if (!document) return reject(client, document.error().message, kUnavailable, 3);
    tell_done(client, {{"applications", std::move(*document)}});
  });
}

}  // namespace scanflow::runtime
