#include "engine/runtime/dry_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "engine/pipeline/expression.hpp"
#include "engine/runtime/inputs.hpp"
#include "engine/runtime/machine_capacity.hpp"
#include "engine/runtime/resolver.hpp"
#include "engine/runtime/secrets.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::runtime {
namespace {

using run::Event;
using run::EventType;

std::vector<graph::Node> in_order(const pipeline::Plan& plan) {
  std::vector<graph::Node> order = graph::topological_order(plan.graph);
  std::stable_sort(order.begin(), order.end(), [&](graph::Node a, graph::Node b) {
    return plan.spec_of(a).phase < plan.spec_of(b).phase;
  });
  return order;
}

class DryRun {
 public:
  DryRun(const Submission& submission, const Prepared& prepared, const store::Store* store,
         const store::Artifacts& artifacts, const run::Capacity& capacity,
         const std::string& within = "", std::uint32_t depth = 0)
      : within_(within),
        depth_(depth),
        submission_(submission),
        prepared_(prepared),
        plan_(*prepared.plan),
        store_(store),
        artifacts_(artifacts),
        capacity_(capacity),
        levels_(plan_.steps.size(), 1) {}

  json run() {
    json steps = look();
    return {{"dry_run", true},
            {"pipeline", plan_.pipeline->name},
            {"namespace", plan_.pipeline->name_space},
            {"file", submission_.file},
            {"params", plan_.params},
            {"steps", std::move(steps)}};
  }

  json look() {
    for (const graph::Node step : in_order(plan_)) look_at(step);
    return std::move(steps_);
  }

 private:
  void look_at(graph::Node step) {
    const pipeline::Step& spec = plan_.spec_of(step);
    json needs = json::array();
    for (const graph::Node need : plan_.graph.needs(step)) {
      levels_[step] = std::max(levels_[step], levels_[need] + 1);
      needs.push_back(within_ + plan_.steps[need].id);
    }
    const std::string why = run::Scheduler::never_fits(spec, capacity_);
    const std::vector<std::string> wanted = references(*plan_.pipeline, spec);
    std::vector<std::string> until;
    for (const std::string& name : wanted) {
      if (unknown_.contains(name)) until.push_back(name);
    }
    const bool asks = asks_metrics(spec);
    for (const graph::Node need : plan_.graph.needs(step)) {
      const std::string& name = plan_.spec_of(need).name;
      const bool listed = std::find(until.begin(), until.end(), name) != until.end();
      if (asks && unknown_.contains(name) && !listed) until.push_back(name);
    }
    ResolveJob job = job_of(plan_.steps[step], step, wanted);
    job.expand = !spec.for_each.is_null();
    json& shown = add(step, job.planned, std::move(needs));
    if (!why.empty()) {
      shown["status"] = "refused";
      shown["message"] = why;
    } else if (asks || !until.empty()) {
      shown["status"] = "unknown";
      shown["until"] = until;
      shown["with"] = what_is_known(job);
    } else {
      return resolve_step(step, job, shown);
    }
    unknown_.insert(spec.name);
  }

  void resolve_step(graph::Node step, ResolveJob& job, json& shown) {
    const Event event = resolve(job, store_, artifacts_);
    if (event.type != EventType::step_expanded) return tell(event, job, shown);
    const json items = event.data->at("items");
    shown["status"] = "would_run";
    shown["message"] = fmt::format("{} items", items.size());
    const json needs = shown["needs"];
    const std::string id = job.planned.id;
    job.expand = false;
    for (std::size_t i = 0; i < items.size(); ++i) {
      job.planned.id = fmt::format("{}[{}]", id, i);
      job.planned.item = items[i];
      json& instance = add(step, job.planned, needs);
      tell(resolve(job, store_, artifacts_), job, instance);
    }
  }

  void tell(const Event& event, const ResolveJob& job, json& shown) {
    const pipeline::Step& spec = job.spec();
    const json data = event.data ? *event.data : json::object();
    const bool done = event.type == EventType::step_cached || event.type == EventType::step_skipped;
    shown["with"] = data.value("config", json::object());
    shown["message"] = data.value("message", "");
    if (event.type == EventType::step_cached) {
      shown["status"] = "cached";
      shown["with"] = what_is_known(job);
      shown["cached"] = {
          {"run", data.at("from")},
          {"step", data.at("step")},
          {"age_seconds",
           static_cast<double>(wall_us() - data.at("time_us").get<std::int64_t>()) / 1e6}};
    } else if (event.type == EventType::step_skipped) {
      shown["status"] = "skipped";
    } else if (event.type == EventType::step_failed) {
      shown["status"] = "would_fail";
    } else {
      shown["status"] = spec.approve.wanted ? "would_ask" : "would_run";
    }
    if (!done) {
      unknown_.insert(spec.name);
      const bool calls = !spec.call.empty() && event.type == EventType::step_resolved;
      if (calls) look_within(spec, job.planned.id, json(shown["with"]));
      return;
    }
    views_[spec.name].push_back({job.planned.matrix, job.planned.item, shown["status"], 0,
                                 std::make_shared<const json>(data)});
  }

  /// The steps of the pipeline that a step would call with these parameters.
  void look_within(const pipeline::Step& spec, const std::string& id, const json& params) {
    const auto& called = plan_.pipeline->calls.at(spec.call);
    auto plan = pipeline::make_plan(called, params);
    if (!plan) return;  // an artifact that is still to be made, say
    Submission submission = submission_;
    submission.params = params;
    submission.file = called->file;
    const Prepared prepared{std::make_shared<pipeline::Plan>(std::move(*plan)), prepared_.catalog};
    const json steps =
        DryRun(submission, prepared, store_, artifacts_, capacity_, within_ + id + "/", depth_ + 1)
            .look();
    for (const json& step : steps) steps_.push_back(step);
  }

  /// The values of `with` that look at nothing that is still to be run.
  json what_is_known(const ResolveJob& job) const {
    json known = json::object();
    for (const auto& [name, value] : job.spec().with.items()) {
      pipeline::Step only;
      only.with[name] = value;
      const std::vector<std::string> used = references(*plan_.pipeline, only);
      const bool open = std::any_of(used.begin(), used.end(), [&](const std::string& step) {
        return unknown_.contains(step);
      });
      const auto evaluated = open ? Result<json>(value) : evaluate(job, value);
      known[name] = evaluated ? *evaluated : value;
    }
    return known;
  }

  ResolveJob job_of(const pipeline::PlannedStep& planned, graph::Node step,
                    const std::vector<std::string>& wanted) const {
    ResolveJob job;
    job.plan = prepared_.plan;
    job.step = step;
    job.planned = planned;
    job.plugin = prepared_.catalog->find(plan_.spec_of(step).uses);
    for (const std::string& name : wanted) {
      if (const auto views = views_.find(name); views != views_.end()) job.views.insert(*views);
    }
    job.run = {{"id", submission_.run},
               {"name", plan_.pipeline->name},
               {"namespace", plan_.pipeline->name_space},
               {"started", wall_us() / 1'000'000},
               {"status", "running"},
               {"failed", json::array()}};
    job.env = submission_.options.env;
    job.use_cache = submission_.options.use_cache;
    job.look_only = true;
    return job;
  }

  json& add(graph::Node step, const pipeline::PlannedStep& planned, json needs) {
    const pipeline::Step& spec = plan_.spec_of(step);
    return steps_.emplace_back(json{{"name", within_ + planned.id},
                                    {"depth", depth_},
                                    {"matrix", planned.matrix},
                                    {"item", planned.item},
                                    {"uses", spec.uses},
                                    {"phase", name(spec.phase)},
                                    {"level", levels_[step]},
                                    {"needs", std::move(needs)},
                                    {"with", json::object()},
                                    {"until", json::array()},
                                    {"cached", nullptr},
                                    {"message", ""}});
  }

  const std::string within_;  // "call/": before the names of its steps
  const std::uint32_t depth_;
  const Submission& submission_;
  const Prepared& prepared_;
  const pipeline::Plan& plan_;
  const store::Store* store_;
  const store::Artifacts& artifacts_;
  const run::Capacity capacity_;
  std::vector<std::uint32_t> levels_;
  std::set<std::string> unknown_;  // steps whose results are not known
  std::map<std::string, std::vector<StepView>> views_;
  json steps_ = json::array();
};

}  // namespace

Result<Prepared> prepare_dry(Submission& submission, std::shared_ptr<const loader::Catalog> catalog,
                             const Environment& environment, const store::Artifacts& artifacts) {
  auto prepared = prepare(submission, catalog);
  if (!prepared) return prepared;
  const pipeline::Pipeline& pipeline = *prepared->plan->pipeline;
  for (const std::string& variable : secret_variables(pipeline))
    submission.options.env.erase(variable);
  const auto missing = missing_secrets(pipeline, environment, submission.options.directory);
  if (!missing.empty()) return fail(render_missing(missing, "nothing was run"));
  bool changed = false;
  for (auto param = submission.params.begin(); param != submission.params.end(); ++param) {
    if (!is_input(*param)) continue;
    const auto artifact = artifacts.identify(param->at("input").get<std::string>());
    if (!artifact)
      return fail(fmt::format("--input {}: {}", param.key(), artifact.error().message));
    *param = artifact_document(param.key(), *artifact);
    changed = true;
  }
  return changed ? prepare(submission, std::move(catalog)) : prepared;
}

json dry_run(const Submission& submission, const Prepared& prepared, const store::Store* store,
             const store::Artifacts& artifacts, const run::Capacity& capacity) {
  return DryRun(submission, prepared, store, artifacts, capacity_for(submission.options, capacity))
      .run();
}

}  // namespace scanflow::runtime
