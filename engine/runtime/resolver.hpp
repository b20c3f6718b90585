// From a step as written to what an attempt gets: expressions evaluated, inputs told from
// configuration, defaults filled in, the cache asked. Runs off the strand; its results are
// recorded, so that replay evaluates nothing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/pipeline/metric_query.hpp"
#include "engine/run/event.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/store/artifacts.hpp"
#include "engine/store/store.hpp"

namespace scanflow::runtime {

/// What expressions may see of one instance of a step that is done.
struct StepView {
  json matrix, item;
  std::string status;
  double seconds = 0;
  std::shared_ptr<const json> result;  // {"outputs", "artifacts"}, or null
};

struct ResolveJob {
  std::shared_ptr<const pipeline::Plan> plan;
  std::uint32_t step = 0;         // as the state machine counts them
  pipeline::PlannedStep planned;  // the same
  bool expand = false;            // evaluate its for_each: its instances are resolved later
  const loader::PluginInfo* plugin = nullptr;          // of a catalog that outlives the job; null
                                                       // for an approval and nothing else
  std::map<std::string, std::vector<StepView>> views;  // by step name; those that it refers to
  json run;                                            // what `run` is in expressions
  std::map<std::string, std::string> env;
  pipeline::AskMetrics metrics;  // empty: nothing has run that could be asked about
  bool use_cache = true;
  bool look_only = false;  // nothing will come of it: what the cache has is not held
  const pipeline::Step& spec() const { return plan->pipeline->steps[planned.spec]; }
};

/// The configuration and inputs of an attempt: {"config": {...}, "inputs": {name: artifact}}.
/// `with`: evaluated. An error says which field, and why.
Result<json> bind(const pipeline::Step& step, const loader::PluginInfo& plugin, json with);

/// One of step_resolved, step_expanded, step_skipped, step_cached, step_failed. `store` may be null
/// (then nothing is cached).
run::Event resolve(const ResolveJob& job, const store::Store* store,
                   const store::Artifacts& artifacts);

/// A value of the step's fields, with what its expressions give.
Result<json> evaluate(const ResolveJob& job, const json& value);

/// run_concluded: the pipeline's outputs, told apart into values and artifacts. Of the job what
/// expressions see is used.
run::Event conclude(const ResolveJob& job);

/// Does an expression of the step ask for metrics?
bool asks_metrics(const pipeline::Step& step);

/// The names of the steps that the expressions of `step` refer to, or those of the pipeline's
/// outputs.
std::vector<std::string> references(const pipeline::Pipeline& pipeline, const pipeline::Step& step);
std::vector<std::string> references_of_outputs(const pipeline::Pipeline& pipeline);

}  // namespace scanflow::runtime
