// What people ask of runs that go on, and of what is registered.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/runtime/applications.hpp"
#include "engine/runtime/engine_impl.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::runtime {

using run::Event;
using run::EventType;

namespace {

/// `exit`: of an error.
void tell(const Client& client, Result<json> answer, int exit) {
  if (answer) return tell_done(client, std::move(*answer));
  client.listener(std::make_shared<const json>(
      json{{"type", "rejected"}, {"exit", exit}, {"message", answer.error().message}}));
}

}  // namespace

void reject(const Client& client, const std::string& message, const char* reason, int exit) {
  client.listener(std::make_shared<const json>(
      json{{"type", "rejected"}, {"exit", exit}, {"message", message}, {"reason", reason}}));
}

void tell_done(const Client& client, json answer) {
  answer["type"] = "done";
  client.listener(std::make_shared<const json>(std::move(answer)));
}

std::string interrupted(const std::string& run) {
  return fmt::format(
      "run {0} was interrupted, and nobody goes on with it: 'scanflow runs resume {0}' does", run);
}

EntryPtr Engine::Impl::active(const std::string& id, const Client& client) const {
  const auto found = runs.find(id);
  if (failed || closing) {
    refuse(client);
  } else if (found != runs.end() && !found->second->over) {
    return found->second;
  } else if (const auto waits = held.find(id); waits != held.end() && is_expected(*waits->second)) {
    return waits->second;
  } else {
    const auto rows =
        options.store ? options.store->find_runs(id) : Result<std::vector<store::RunRow>>();
    const bool known = rows && !rows->empty();
    if (!known) {
      reject(client, fmt::format("no run {}: 'scanflow runs list' shows them", id), kNotFound);
    } else if (rows->front().ended_us > 0 || found != runs.end()) {
      reject(client, fmt::format("run {} is over: it has {}", id, rows->front().summary),
             kConflict);
    } else {
      reject(client, interrupted(id), kConflict);
    }
  }
  return nullptr;
}

void Engine::Impl::tell_run(const EntryPtr& entry, Event event, Client client) {
  event.time_us = wall_us();
  entry->run.apply(event, batch);
  after.calls.emplace_back([client = std::move(client)] { tell_done(client); });
  pump(entry);
  flush();
}

void Engine::Impl::cancel(const std::string& id, Client client) {
  const EntryPtr entry = active(id, client);
  if (!entry) return;
  tell_run(entry, {.type = EventType::cancel_requested, .cause = run::Cause::cancelled},
           std::move(client));
}

void Engine::Impl::remove(const std::vector<std::string>& ids, const Client& client) {
  if (failed || closing || !options.store) return refuse(client);
  work([this, ids, client] {
    const auto gone = delete_runs(ids);
    if (!gone) return reject(client, gone.error().message, kConflict);
    const auto garbage = collect_garbage();
    if (!garbage) return reject(client, garbage.error().message, kConflict);
    tell_done(client, {{"deleted", gone->size()}, {"bytes", garbage->bytes}});
  });
}

void Engine::Impl::clear_cache(std::int64_t age_us, const Client& client) {
  if (failed || closing || !options.store) return refuse(client);
  work([this, age_us, client] {
    const auto cleared = options.store->expire_cache(wall_us() - age_us);
    if (!cleared) return tell(client, tl::unexpected(cleared.error()), 3);
    const auto garbage = collect_garbage();
    if (!garbage) return tell(client, tl::unexpected(garbage.error()), 3);
    tell(client, json{{"cleared", *cleared}, {"bytes", garbage->bytes}}, 0);
  });
}

void Engine::Impl::act(ActionRequest request, const Client& client) {
  if (failed || closing || !actions) return refuse(client);
  actions->ask(std::move(request), client);
}

void Engine::Impl::apply(ApplyRequest request, const Client& client) {
  if (failed || closing || !options.store) return refuse(client);
  boost::asio::post(registry, [this, request = std::move(request), client] {
    RunOptions places;
    places.plugin_dirs = request.plugin_dirs;
    std::string problem;
    const auto catalog = discover(places, &problem);
    if (!catalog) return reject(client, problem);
    const auto changes =
        plan_changes(options.store.get(), *catalog, request.texts, request.name_space);
    if (!changes) return reject(client, changes.error().message);
    if (request.dry_run) return tell(client, planned(*changes), 0);
    tell_changed(client, make_changes(*options.store, *changes));
  });
}

/// What is told to be done holds. [any-thread]
void Engine::Impl::tell_changed(const Client& client, Result<json> done) {
  std::shared_ptr<const pipeline::Applications> now;  // null: those that are known hold
  if (done) {
    auto found = find_applications(options.store.get(), options.log);
    if (found) now = std::make_shared<const pipeline::Applications>(std::move(*found));
    if (!found && options.log)
      options.log("the registered applications cannot be read; those that were known hold: " +
                  found.error().message);
  }
  post([this, client, done = std::move(done), now]() mutable {
    if (now) take_applications(now);
    tell(client, std::move(done), 3);
  });
}

void Engine::Impl::remove_documents(std::vector<store::DocumentName> names, const Client& client) {
  if (failed || closing || !options.store) return refuse(client);
  boost::asio::post(registry, [this, names = std::move(names), client] {
    if (const auto there = check_documents(*options.store, names); !there)
      return reject(client, there.error().message, kNotFound);
    tell_changed(client, runtime::remove_documents(*options.store, names));
  });
}

std::map<std::string, EntryPtr> Engine::Impl::active_calls(const EntryPtr& entry) const {
  std::map<std::string, EntryPtr> called;
  for (const auto& [id, other] : runs) {
    const auto& caller = other->run.submission().caller;
    if (caller && caller->run == entry->run.id() && !other->over) called[caller->step] = other;
  }
  return called;
}

std::pair<EntryPtr, std::string> Engine::Impl::within_calls(EntryPtr entry,
                                                            std::string step) const {
  while (entry->run.index_of(step) == run::kNoStep) {
    const auto called = active_calls(entry);
    const auto at = std::find_if(called.begin(), called.end(), [&](const auto& each) {
      return step.starts_with(each.first + "/");
    });
    if (at == called.end()) break;
    step.erase(0, at->first.size() + 1);
    entry = at->second;
  }
  return {std::move(entry), std::move(step)};
}

std::vector<std::string> Engine::Impl::waiting_steps(const EntryPtr& entry) const {
  const run::Machine& machine = entry->run.machine();
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < machine.size(); ++i)
    if (machine.step(i).status == run::StepStatus::awaiting) names.push_back(machine.planned(i).id);
  for (const auto& [step, called] : active_calls(entry))
    for (const std::string& name : waiting_steps(called)) names.push_back(step + "/" + name);
  return names;
}

void Engine::Impl::answer(const std::string& id, const std::string& step, const Answer& answer,
                          Client client) {
  const EntryPtr top = active(id, client);
  if (!top) return;
  const auto [entry, inner] = within_calls(top, step);
  const run::Machine& machine = entry->run.machine();
  const std::uint32_t index = entry->run.index_of(inner);
  const bool known = index != run::kNoStep;
  if (!known || machine.step(index).status != run::StepStatus::awaiting) {
    const std::vector<std::string> waiting = waiting_steps(top);
    const std::string others =
        waiting.empty() ? "nothing of it waits for an approval"
                        : fmt::format("these wait for one: {}", fmt::join(waiting, ", "));
    return reject(
        client,
        known ? fmt::format("step {} is {}; {}", step, name(machine.step(index).status), others)
              : fmt::format("run {} has no step '{}'; {}", id, step, others),
        known ? kConflict : kNotFound);
  }
  json data = {{"outputs", {{"by", answer.by}, {"comment", answer.comment}}}};
  data["message"] = fmt::format("{} by {}{}{}", answer.approve ? "approved" : "rejected", answer.by,
                                answer.comment.empty() ? "" : ": ", answer.comment);
  tell_run(entry,
           {.type = answer.approve ? EventType::approval_given : EventType::approval_refused,
            .cause = answer.approve ? run::Cause::none : run::Cause::rejected,
            .step = index,
            .data = std::make_shared<const json>(std::move(data))},
           std::move(client));
}

}  // namespace scanflow::runtime
