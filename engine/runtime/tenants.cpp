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
  start_queued();
  pump();
  flush();
}

std::string Engine::Impl::refused(const Entry& entry) const {
  const Submission& submission = entry.run.submission();
  const auto found = pipeline::refusals(
      *applications, {*entry.run.plan().pipeline, submission.version, submission.caller_namespace});
  return pipeline::render_refusals(found, "nothing was run");
}

Place Engine::Impl::place_of(const Entry& entry) {
  const pipeline::Plan& plan = entry.run.plan();
  return {plan.pipeline->name_space, plan.group, plan.pipeline->concurrency.max,
          entry.run.submission().caller.has_value()};
}

bool Engine::Impl::takes_turns(const Entry& entry) const {
  const pipeline::Owner* const owner = applications->owner_of(namespace_of(entry));
  return !entry.run.plan().group.empty() || (owner != nullptr && owner->team->quota.runs);
}

Turns Engine::Impl::start_queued() {
  Turns turns(*applications);
  std::vector<EntryPtr> queued;
  const auto take_in = [&](const EntryPtr& entry) {
    if (is_queued(*entry)) return queued.push_back(entry);
    turns.add(place_of(*entry));
  };
  for (const EntryPtr& entry : order) {
    if (!entry->over) take_in(entry);
  }
  for (const auto& [id, entry] : held) {
    if (is_expected(*entry)) take_in(entry);
  }
  const auto is_older = [](const EntryPtr& a, const EntryPtr& b) {
    return a->run.created_us() < b->run.created_us();
  };
  if (!std::is_sorted(queued.begin(), queued.end(), is_older))  // recovered ones are among them
    std::stable_sort(queued.begin(), queued.end(), is_older);
  for (const EntryPtr& entry : queued) {
    const Place place = place_of(*entry);
    entry->run.set_waits(turns.waits(place));
    if (!turns.take(place)) continue;
    if (held.contains(entry->run.id())) continue;  // its turn, when its client comes
    entry->run.apply({.type = EventType::run_started, .time_us = wall_us()}, batch);
    entry->changed = true;
  }
  return turns;
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
