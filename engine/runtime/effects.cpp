// What follows from a decision once it is committed: expressions are evaluated, attempts launched
// and stopped.
#include <algorithm>
#include <utility>

#include "engine/backend/names.hpp"
#include "engine/runtime/engine_impl.hpp"
#include "engine/runtime/metric_answers.hpp"
#include "engine/runtime/resolver.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/utc.hpp"

namespace scanflow::runtime {

using run::Effect;
using run::Event;

void Engine::Impl::perform(
    const EntryPtr& entry, const Effect& effect,
    std::map<backend::Backend*, std::vector<backend::RequestPtr>>& launches) {
  switch (effect.kind) {
    case Effect::Kind::resolve:
      resolve(entry, effect.step);
      return;
    case Effect::Kind::launch:
      launch(entry, effect.step, effect.attempt, launches);
      return;
    case Effect::Kind::stop:
      stop(entry, effect);
      return;
    case Effect::Kind::conclude:
      conclude(entry);
      return;
  }
}

void Engine::Impl::stop(const EntryPtr& entry, const Effect& effect) {
  if (entry->run.machine().spec_of(effect.step).uses == "pipeline")
    return stop_call(entry, effect.step, effect.attempt);
  backend_for(entry->run.submission().options.backend)
      ->stop({entry->run.id(), entry->run.machine().planned(effect.step).id, effect.attempt},
             std::string(pipeline::name(effect.cause)));
}

/// What expressions of the run see of these steps.
std::shared_ptr<ResolveJob> Engine::Impl::make_job(const EntryPtr& entry,
                                                   const std::vector<std::string>& wanted) const {
  const ActiveRun& run = entry->run;
  auto job = std::make_shared<ResolveJob>();
  job->plan = run.prepared().plan;
  job->run = {{"id", run.id()},
              {"name", run.plan().pipeline->name},
              {"namespace", run.plan().pipeline->name_space},
              {"started", run.created_us() / 1'000'000},
              {"scheduled_at", nullptr},
              {"status", run::name(run.machine().main_status())},
              {"failed", json::array()}};
  if (const std::int64_t firing_us = run.submission().scheduled_us; firing_us > 0)
    job->run["scheduled_at"] = utc_text(firing_us);
  for (std::uint32_t i = 0; i < run.machine().size() && job->run["status"] != "running"; ++i) {
    if (run.machine().step(i).status == run::StepStatus::failed)
      job->run["failed"].push_back(run.machine().planned(i).id);
  }
  job->env = run.submission().options.env;
  job->metrics = [this](const pipeline::MetricQuery& query) {
    return ask_metrics(recent, query, wall_us());
  };
  job->use_cache = run.submission().options.use_cache;
  for (std::uint32_t i = 0; !wanted.empty() && i < run.machine().size(); ++i) {
    const pipeline::Step& of = run.machine().spec_of(i);
    if (std::find(wanted.begin(), wanted.end(), of.name) == wanted.end()) continue;
    std::vector<StepView>& views = job->views[of.name];
    // Of a for_each only its instances are seen.
    if (!of.for_each.is_null() && run.machine().group(i) == run::kNoStep) continue;
    const run::StepState& state = run.machine().step(i);
    const pipeline::PlannedStep& planned = run.machine().planned(i);
    views.push_back({planned.matrix, planned.item, std::string(run::name(state.status)),
                     static_cast<double>(state.ended_us - state.first_started_us) / 1e6,
                     state.result});
  }
  return job;
}

void Engine::Impl::conclude(const EntryPtr& entry) {
  const auto job = make_job(entry, references_of_outputs(*entry->run.plan().pipeline));
  job->step = run::kNoStep;
  work([this, entry, job] {
    Event event = runtime::conclude(*job);
    post([this, entry, event = std::move(event)]() mutable {
      if (failed || closing || entry->over) return;
      event.time_us = wall_us();
      entry->run.apply(event, batch);
      pump(entry);
      flush();
    });
  });
}

void Engine::Impl::resolve(const EntryPtr& entry, std::uint32_t step) {
  const run::Machine& machine = entry->run.machine();
  const pipeline::Step& spec = machine.spec_of(step);
  const std::uint32_t as_written = machine.planned(step).spec;
  if (!entry->references.contains(as_written))
    entry->references[as_written] = references(*entry->run.plan().pipeline, spec);
  const auto job = make_job(entry, entry->references[as_written]);
  job->step = step;
  job->planned = machine.planned(step);
  job->expand = !spec.for_each.is_null() && machine.group(step) == run::kNoStep;
  job->plugin = entry->run.prepared().catalog->find(spec.uses);
  work([this, entry, job] {
    Event event = runtime::resolve(*job, options.store.get(), artifacts);
    post([this, entry, event = std::move(event)]() mutable {
      if (failed || closing || entry->over) return;
      const run::StepState& state = entry->run.machine().step(event.step);
      if (state.status != run::StepStatus::ready) return;  // cancelled meanwhile
      event.time_us = wall_us();
      entry->run.apply(event, batch);
      pump(entry);
      flush();
    });
  });
}

void Engine::Impl::launch(const EntryPtr& entry, std::uint32_t step, std::uint32_t attempt,
                          std::map<backend::Backend*, std::vector<backend::RequestPtr>>& launches) {
  if (entry->run.machine().spec_of(step).uses == "pipeline") return call(entry, step, attempt);
  auto request = entry->requests.make(entry->run, step, attempt);
  arm_seconds();
  if (request) {
    launches[backend_for(entry->run.submission().options.backend)].push_back(std::move(*request));
    return;
  }
  protocol::Result result;
  result.id = {entry->run.id(), entry->run.machine().planned(step).id, attempt};
  result.status = "failed";
  result.cause = "config";
  result.message = request.error().message;
  on_ended(entry, std::move(result));
  pump(entry);
}

backend::Backend* Engine::Impl::backend_for(const std::string& name) {
  auto& slot = backends[name];
  if (slot) return slot.get();
  const backend::Options backend_options{options.state.root.string(),
                                         options.state.sockets.string(), options.worker.string(),
                                         options.jobs};
  const backend::Sink sink = [this](std::vector<backend::Report> reports) {
    post([this, reports = std::move(reports)]() mutable { on_reports(std::move(reports)); });
  };
  if (name == "inproc") {
    slot = backend::make_inproc(backend_options, sink);
  } else if (backend::runs_pods(name)) {
    slot = gangs.over(make_pods(name, sink));
  } else {
    slot = gangs.over(backend::make_local(backend_options, strand, sink));
  }
  if (steering.fleet) slot->observe(steering.fleet->endpoint());
  return slot.get();
}

}  // namespace scanflow::runtime
