// The way of a primitive: asked for, committed, handed to the hub, its outcome committed, told.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "engine/runtime/engine_impl.hpp"
#include "engine/runtime/namespaces.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::runtime {
namespace {

constexpr const char* kNoState = "this engine keeps no state, so nothing can be asked of its steps";

void tell_command(const Client& client, const store::CommandRow& row) {
  tell_done(client, {{"run", row.run}, {"command", command_document(row)}});
}

/// Of running steps of a run, for whoever has named another.
std::string others(const run::Machine& machine) {
  std::vector<std::string> names;
  constexpr std::size_t kMost = 8;
  for (std::uint32_t i = 0; i < machine.size() && names.size() < kMost; ++i) {
    if (machine.step(i).status == run::StepStatus::running) names.push_back(machine.planned(i).id);
  }
  return names.empty() ? "no step of it runs now"
                       : fmt::format("these run: {}", fmt::join(names, ", "));
}

}  // namespace

std::optional<protocol::AttemptId> Engine::Impl::steered(const std::string& id,
                                                         const std::string& step,
                                                         const Client& client) const {
  if (const Fleet::Workload* workload = injected(id, step)) return workload->started.id;
  const EntryPtr top = active(id, client);
  if (!top) return std::nullopt;
  const auto [entry, inner] = within_calls(top, step);
  const run::Machine& machine = entry->run.machine();
  const protocol::Rank of = protocol::rank_of({"", inner, 0});
  const std::uint32_t index = entry->run.index_of(of.gang.step);
  if (index == run::kNoStep) {
    reject(client, fmt::format("run {} has no step '{}'; {}", id, step, others(machine)),
           kNotFound);
    return std::nullopt;
  }
  const run::StepState& state = machine.step(index);
  const bool calls = machine.spec_of(index).uses == "pipeline";
  if (state.status == run::StepStatus::expanded) {
    reject(client,
           fmt::format("step {} is many: name one of its instances; {}", step, others(machine)),
           kConflict);
  } else if (state.status != run::StepStatus::running) {
    reject(client, fmt::format("step {} is {}; {}", step, name(state.status), others(machine)),
           kConflict);
  } else if (of.rank > 0 && of.rank >= machine.spec_of(index).replicas) {
    reject(client,
           fmt::format("step {} has {} replicas: ranks are 0 to {}", of.gang.step,
                       machine.spec_of(index).replicas, machine.spec_of(index).replicas - 1),
           kNotFound);
  } else if (calls) {
    reject(client,
           fmt::format("step {0} is a pipeline that is called: name a step of it, '{0}/...'", step),
           kConflict);
  } else if (machine.spec_of(index).sidecar.is_null()) {
    reject(client,
           fmt::format("step {} says 'sidecar: false' in its pipeline: nobody acts on it", step),
           kConflict);
  } else if (const std::string& where = entry->run.submission().options.backend;
             where == "inproc") {
    reject(client,
           fmt::format("run {} is on the backend inproc, where no sidecar can act on its steps; "
                       "'scanflow run --backend local' and podman have one",
                       id),
           kConflict);
  } else {
    return protocol::AttemptId{entry->run.id(), inner, state.attempt};  // of two the older one
  }
  return std::nullopt;
}

const Fleet::Workload* Engine::Impl::injected(const std::string& run,
                                              const std::string& step) const {
  const Fleet::Workload* newest = nullptr;
  if (!steering.fleet) return newest;
  const auto& all = steering.fleet->workloads();
  for (auto at = all.lower_bound({run, step, 0});
       at != all.end() && at->first.run == run && at->first.step == step; ++at) {
    if (namespace_of_user(at->second.sidecar.user)) newest = &at->second;
  }
  return newest;  // of several attempts the last one
}

void Engine::Impl::primitive(const PrimitiveRequest& request, const Client& client) {
  if (failed || closing) return refuse(client);
  if (!options.store) return reject(client, kNoState);
  if (asked_before(request, client)) return;
  const auto checked = check_primitive(request);
  if (!checked) return reject(client, checked.error().message);
  if (!steered(request.run, request.step, client)) return;
  with_fleet([this, request, client, checked = *checked](const std::string& problem) {
    if (failed || closing) return refuse(client);
    if (!problem.empty())
      return reject(client, "no sidecar can be reached: " + problem, kUnavailable, 3);
    if (asked_before(request, client)) return;                       // twice at once
    const auto target = steered(request.run, request.step, client);  // it may have ended
    if (target) issue(request, checked, *target, client);
  });
}

/// The same request again, of a client that has lost its engine: it waits with the first one.
bool Engine::Impl::asked_before(const PrimitiveRequest& request, const Client& client) {
  if (request.id.empty()) return false;
  if (const auto found = steering.open.find(request.id); found != steering.open.end()) {
    if (request.wait) {
      found->second.waiting.push_back(client);
    } else {
      tell_command(client, found->second.row);
    }
    return true;
  }
  const auto known = options.store->command(request.id);
  if (!known || !*known) return false;
  if (!(*known)->outcome.empty() || !request.wait) {
    tell_command(client, **known);
    return true;
  }
  // Of an earlier engine: it is open as soon as the fleet is there.
  with_fleet([this, id = request.id, client](const std::string& problem) {
    const auto found = steering.open.find(id);
    if (found == steering.open.end())
      return reject(client,
                    problem.empty() ? "it has ended just now: ask again for its outcome"
                                    : "no sidecar can be reached: " + problem,
                    kUnavailable, 3);
    found->second.waiting.push_back(client);
  });
  return true;
}

void Engine::Impl::issue(const PrimitiveRequest& request, const CheckedPrimitive& checked,
                         const protocol::AttemptId& target, const Client& client) {
  store::CommandRow row;
  row.issued_us = wall_us();
  row.id = request.id.empty() ? uuid_v7(row.issued_us / 1000) : request.id;
  row.run = target.run;
  row.step = target.step;
  row.attempt = target.attempt;
  row.primitive = request.primitive;
  row.arguments = checked.arguments;
  // Higher than all of earlier engines, whose terms were lower.
  row.generation = steering.fleet->term() << 32 | ++steering.issued;
  row.by = request.by;
  row.deadline_us = row.issued_us + checked.deadline_us;
  const hub::SidecarKey sidecar = sidecar_of(target);
  row.user = sidecar.user;
  row.pod_uid = sidecar.pod_uid;
  Steering::Asked& asked = steering.open[row.id];
  asked.row = row;
  if (request.wait) asked.waiting.push_back(client);
  steering.last[target] = row;
  record(row);
  after.calls.emplace_back([this, row, client, wait = request.wait] {
    hand_over(row, false);
    if (!wait) tell_command(client, row);
  });
  arm_seconds();
  flush();
}

/// To the store, and to followers once it is there.
void Engine::Impl::record(const store::CommandRow& row) {
  batch.commands.push_back(row);
  const auto found = runs.find(row.run);
  if (found == runs.end() || !found->second->run.has_listeners()) return;
  json update = command_document(row);
  update["type"] = "primitive";
  found->second->run.will_say(std::move(update));
}

void Engine::Impl::hand_over(const store::CommandRow& row, bool sent) {
  if (!steering.fleet) return;
  protocol::Command command;
  command.id = row.id;
  command.generation = row.generation;
  command.target = {row.run, row.step, row.attempt};
  command.primitive = row.primitive;
  command.arguments = row.arguments;
  command.deadline_us = std::max<std::int64_t>(row.deadline_us - wall_us(), 0);
  steering.fleet->send({row.user, row.pod_uid}, std::move(command), sent);
}

void Engine::Impl::on_delivery(const hub::SidecarKey& from, std::uint64_t number,
                               const protocol::Message& message) {
  if (failed || closing) return;  // it is told again, to the next engine
  if (const auto* outcome = std::get_if<protocol::Outcome>(&message.body)) {
    on_outcome(from, *outcome);
  } else if (namespace_of_user(from.user)) {
    on_injected(from, message.body);
  } else if (const auto* metric = std::get_if<protocol::Metric>(&message.body)) {
    if (!is_foreign(from, metric->id)) on_reports({*metric});
  } else if (const auto* ended = std::get_if<protocol::Ended>(&message.body)) {
    // Of a Pod: what it has made is looked for before its result can be committed.
    if (backend::PodBackend* owner = backend_of(from); owner != nullptr)
      return owner->delivered(from, number, ended->result);
    on_reports({*ended});
  } else if (options.log) {
    options.log(fmt::format("a delivery of sidecar {}/{} is not understood, and is dropped",
                            from.user, from.pod_uid));
  }
  after.calls.emplace_back([this, from, number] {
    if (steering.fleet) steering.fleet->delivered(from, number);
  });
  flush();
}

/// Of a Pod that is not the engine's: what its containers log is known for a while, how they end is the cluster's to
/// deal with.
void Engine::Impl::on_injected(const hub::SidecarKey& from, const protocol::Body& body) {
  if (const auto* metric = std::get_if<protocol::Metric>(&body)) {
    if (!is_foreign(from, metric->id) && steering.fleet)
      recent.logged(*metric, wall_us(), from, steering.fleet->name_of(from));
  } else if (const auto* ended = std::get_if<protocol::Ended>(&body)) {
    if (!is_foreign(from, ended->result.id) && steering.fleet)
      steering.fleet->drop(ended->result.id);
  }
}

void Engine::Impl::on_outcome(const hub::SidecarKey& from, const protocol::Outcome& outcome) {
  const auto found = steering.open.find(outcome.id);
  if (found != steering.open.end()) {
    const store::CommandRow& row = found->second.row;
    if (from != hub::SidecarKey{row.user, row.pod_uid}) return;  // not its to tell
    take_outcome(found->second.row, outcome);
    end_command(found->second.row);
  } else if (is_of_rule(outcome.id) && !is_foreign(from, outcome.target)) {
    if (namespace_of_user(from.user)) return;  // nobody has asked this engine for it
    const store::CommandRow row = row_of_rule(outcome, from.user, from.pod_uid);
    if (is_running({row.run, row.step, row.attempt}))
      steering.last[{row.run, row.step, row.attempt}] = row;
    record(row);
  }  // else it is told twice: the first one is committed
}

void Engine::Impl::end_command(const std::string& id, const std::string& outcome,
                               const std::string& message) {
  const auto found = steering.open.find(id);
  if (found == steering.open.end()) return;
  store::CommandRow& row = found->second.row;
  row.outcome = outcome;
  row.message = message;
  row.ended_us = wall_us();
  end_command(row);
  flush();
}

/// `ended`: of an open command, with its outcome. Whoever waits is told once it is committed.
void Engine::Impl::end_command(const store::CommandRow& ended) {
  auto node = steering.open.extract(ended.id);
  const store::CommandRow row = std::move(node.mapped().row);
  const auto last = steering.last.find({row.run, row.step, row.attempt});
  if (last != steering.last.end() && last->second.id == row.id) last->second = row;
  record(row);
  after.calls.emplace_back([this, row, waiting = std::move(node.mapped().waiting)] {
    for (const Client& client : waiting) tell_command(client, row);
    if (steering.open.empty() && steering.all_done) std::exchange(steering.all_done, {})();
  });
}

void Engine::Impl::tell_offers(const std::string& run, const std::string& step,
                               const Client& client) {
  if (failed || closing) return refuse(client);
  if (!options.store) return reject(client, kNoState);
  if (!steered(run, step, client)) return;
  with_fleet([this, run, step, client](const std::string& problem) {
    if (failed || closing) return refuse(client);
    if (!problem.empty())
      return reject(client, "no sidecar can be reached: " + problem, kUnavailable, 3);
    const auto target = steered(run, step, client);
    if (!target) return;
    const Fleet::Workload* workload = steering.fleet->workload(*target);
    tell_done(client,
              {{"run", run},
               {"step", step},
               {"attempt", target->attempt},
               {"observed", workload != nullptr},
               {"offers", workload == nullptr
                              ? json::array()
                              : offers_document(workload->offers, workload->started.steering)}});
  });
}

}  // namespace scanflow::runtime
