// Second attempts beside slow ones: asked for, and what whoever asks for them wants to know.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <utility>

#include "engine/runtime/engine_impl.hpp"
#include "engine/runtime/machine_capacity.hpp"
#include "engine/runtime/running.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::runtime {
namespace {

constexpr std::size_t kFormerRuns = 10;
constexpr std::uint32_t kMostSteps = 1000;  // of a former run that is looked at

/// Why a step of this kind never has two attempts at once, or "".
std::string never_hedged(const pipeline::Step& step, const std::string& backend) {
  if (step.uses == "pipeline")
    return "calls a pipeline: name a slow step of the run that it called instead";
  if (step.replicas > 1)
    return fmt::format(
        "is a gang of {}, whose ranks meet at one address: two of them beside each other cannot be",
        step.replicas);
  if (step.uses.empty() || step.uses == "noop") return "does nothing that could be done faster";
  if (backend == "inproc")
    return "runs within the engine (backend inproc), where the slower one of two could not be "
           "ended; 'scanflow run --backend local' and Pods can";
  return {};
}

/// Whether the same one has asked for it before: its engine died before it could be told.
std::optional<std::uint32_t> hedged_by(const store::Store& store, const std::string& run,
                                       const std::string& step, const std::string& by) {
  const auto events = store.events(run);
  if (!events || by.empty()) return std::nullopt;
  for (const store::EventRow& row : *events) {
    if (row.body.find("\"hedge_requested\"") == std::string::npos) continue;
    const json event = json::parse(row.body, nullptr, false);
    if (event.is_object() && event.value("type", "") == "hedge_requested" &&
        event.at("step") == step && event.value("data", json::object()).value("by", "") == by)
      return event.at("attempt").get<std::uint32_t>();
  }
  return std::nullopt;
}

void tell_asked(const Client& client, const std::string& run, const std::string& step,
                std::uint32_t beside) {
  tell_done(client, {{"run", run}, {"step", step}, {"beside", beside}});
}

/// How long the step took in runs that are over; nothing of those that it was tried in more than once.
json former_seconds(const store::Store& store, const json& of) {
  std::vector<double> took;
  store::RunFilter filter;
  filter.name_space = of.at("namespace").get<std::string>();
  filter.pipeline = of.at("pipeline").get<std::string>();
  filter.statuses = {"succeeded"};
  filter.children_of = std::nullopt;
  filter.limit = kFormerRuns;
  const auto runs = store.runs(filter);
  if (!runs) return json::array();
  for (const store::RunRow& run : *runs) {
    if (run.steps > kMostSteps) continue;
    const auto steps = store.steps(run.id);
    if (!steps) continue;
    for (const store::StepRow& step : *steps) {
      if (step.id == of.at("step") && step.status == "succeeded" && step.attempts == 1)
        took.push_back(static_cast<double>(step.ended_us - step.started_us) / 1e6);
    }
  }
  return quantiles_of(std::move(took));
}

}  // namespace

std::string Engine::Impl::no_room_beside(const Entry& entry, const pipeline::Step& step) const {
  const std::string& name_space = entry.run.plan().pipeline->name_space;
  if (const pipeline::Owner* const owner = applications->owner_of(name_space); owner != nullptr) {
    const auto over = pipeline::over_quota(owner->team->quota, step, 2);
    if (!over.empty())
      return fmt::format("both would ask for {}, more than the whole quota of {} ({})",
                         fmt::join(over, " and "), name_space, to_text(*owner));
  }
  return run::Scheduler::never_fits_twice(
      step, capacity_for(entry.run.submission().options, options.capacity));
}

std::string Engine::Impl::why_no_hedge(const Entry& entry, std::uint32_t index) const {
  const run::Machine& machine = entry.run.machine();
  const run::StepStatus status = machine.step(index).status;
  if (status == run::StepStatus::expanded)
    return "is many: name one of its instances, as 'scanflow top' shows them";
  if (std::string never =
          never_hedged(machine.spec_of(index), entry.run.submission().options.backend);
      !never.empty())
    return never;
  if (status != run::StepStatus::running)
    return fmt::format("is {}: only one that runs gets a second attempt", name(status));
  const std::vector<run::InFlight> attempts = machine.in_flight(index);
  if (attempts.size() > 1)
    return fmt::format("has a second attempt already: {} runs beside {}", attempts[1].attempt,
                       attempts[0].attempt);
  if (machine.awaits_hedge(index))
    return "has been given a second attempt already, which waits for room";
  if (const std::string why = no_room_beside(entry, machine.spec_of(index)); !why.empty())
    return "has no room for a second attempt beside the first: " + why;
  if (attempts[0].stopping != run::Cause::none)
    return fmt::format("is being stopped ({})", pipeline::name(attempts[0].stopping));
  return {};
}

void Engine::Impl::hedge(const HedgeRequest& request, Client client) {
  const EntryPtr asked = active(request.run, client);
  if (!asked) return;
  const auto [entry, inner] = within_calls(asked, request.step);
  work([this, request, client = std::move(client), run = entry->run.id(), inner = inner]() mutable {
    const auto beside = options.store ? hedged_by(*options.store, run, inner, request.by)
                                      : std::optional<std::uint32_t>();
    if (beside) return tell_asked(client, run, inner, *beside);
    post([this, request, client = std::move(client)]() mutable {
      hedge_now(request, std::move(client));
    });
  });
}

/// Nobody has asked for it under this name before.
void Engine::Impl::hedge_now(const HedgeRequest& request, Client client) {
  const EntryPtr top = active(request.run, client);
  if (!top) return;
  const auto [entry, inner] = within_calls(top, request.step);
  const std::uint32_t index = entry->run.index_of(inner);
  if (index == run::kNoStep)
    return reject(client, fmt::format("run {} has no step '{}'", request.run, request.step),
                  kNotFound);
  if (const std::string why = why_no_hedge(*entry, index); !why.empty())
    return reject(client, fmt::format("step {} {}", request.step, why), kConflict);
  const std::uint32_t beside = entry->run.machine().step(index).attempt;
  json data = {{"by", request.by}};
  if (!request.reason.empty()) data["reason"] = request.reason;
  entry->run.apply({.type = run::EventType::hedge_requested,
                    .step = index,
                    .attempt = beside,
                    .time_us = wall_us(),
                    .data = std::make_shared<const json>(std::move(data))},
                   batch);
  after.calls.emplace_back([client = std::move(client), run = entry->run.id(), inner = inner,
                            beside] { tell_asked(client, run, inner, beside); });
  pump(entry);
  flush();
}

void Engine::Impl::tell_running(const std::string& pipeline, const Client& client) {
  if (failed || closing) return refuse(client);
  json all = json::array();
  const std::int64_t now_us = wall_us();
  for (const EntryPtr& entry : order) {
    const run::Machine& machine = entry->run.machine();
    const pipeline::Pipeline& of = *entry->run.plan().pipeline;
    if (entry->over || machine.running() == 0 || !names_pipeline(pipeline, of.name_space, of.name))
      continue;
    std::vector<bool> hedgeable(machine.size());
    for (std::uint32_t i = 0; i < machine.size(); ++i)
      hedgeable[i] =
          never_hedged(machine.spec_of(i), entry->run.submission().options.backend).empty();
    for (json& each : running_steps(entry->run, hedgeable, now_us)) all.push_back(std::move(each));
  }
  work([this, all = std::move(all), client]() mutable {
    for (json& each : all) {
      if (options.store && each.at("total") == 1)
        each["former"] = former_seconds(*options.store, each);
    }
    tell_done(client, {{"running", std::move(all)}});
  });
}

}  // namespace scanflow::runtime
