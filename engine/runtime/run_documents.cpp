// A run as rows of the store, and as documents for clients and reports.
#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "engine/runtime/active_run.hpp"

namespace scanflow::runtime {
namespace {

using run::StepStatus;

double seconds_of(const run::StepState& step, std::int64_t now_us) {
  if (step.first_started_us == 0) return 0;
  const std::int64_t end = step.ended_us > 0 ? step.ended_us : now_us;
  return static_cast<double>(end - step.first_started_us) / 1e6;
}

json member(const std::shared_ptr<const json>& data, const char* name) {
  if (!data || !data->is_object()) return json::object();
  return data->value(name, json::object());
}

/// The member as JSON text.
std::string text_of(const json& data, const char* name) {
  const auto found = data.find(name);
  return found == data.end() ? "{}" : found->dump();
}

std::string message_of(const run::StepState& step) {
  return step.result && step.result->is_object() ? step.result->value("message", "") : "";
}

/// Of a registered pipeline; null: it was a file.
json version_of(std::uint32_t version) { return version > 0 ? json(version) : json(); }

/// Of the names of its steps, and of what they call: "call/inner".
std::size_t longest_name(const pipeline::Pipeline& pipeline,
                         std::map<const pipeline::Pipeline*, std::size_t>& known) {
  if (const auto found = known.find(&pipeline); found != known.end()) return found->second;
  std::size_t longest = 0;
  for (const pipeline::Step& step : pipeline.steps) {
    const auto called = pipeline.calls.find(step.call);
    const std::size_t inner =
        called == pipeline.calls.end() ? 0 : longest_name(*called->second, known) + 1;
    longest = std::max(longest, step.name.size() + inner);
  }
  known[&pipeline] = longest;
  return longest;
}

bool went_wrong(StepStatus status) {
  return status == StepStatus::failed || status == StepStatus::cancelled;
}

}  // namespace

store::RunRow ActiveRun::row() const {
  store::RunRow row;
  row.id = id_;
  row.pipeline = plan().pipeline->name;
  row.name_space = plan().pipeline->name_space;
  row.status = run::name(machine_.status());
  row.file = submission_.file;
  row.backend = submission_.options.backend;
  const bool queued = machine_.status() == run::RunStatus::queued;
  row.summary = queued && !waits_.empty() ? "queued: " + waits_ : machine_.summary();
  row.created_us = created_us_;
  if (!plan().pipeline->labels.empty()) row.labels = json(plan().pipeline->labels).dump();
  row.trigger = submission_.trigger;
  if (const auto& caller = submission_.caller) {
    row.parent = caller->run;
    row.parent_step = caller->step;
    row.trigger = "pipeline";
  }
  row.retry_of = submission_.retry_of;
  row.group = plan().group;
  row.digest = digest_;
  row.version = submission_.version;
  row.priority = plan().pipeline->priority;
  row.ended_us = ended_us_;
  if (const auto& conclusion = machine_.conclusion(); ended_us_ > 0 && conclusion)
    row.outputs = conclusion->value("outputs", json::object()).dump();
  row.events = seq_;
  row.steps = machine_.size();
  row.done = machine_.done();
  for (std::uint32_t i = 0; ended_us_ > 0 && i < row.steps; ++i) {
    if (machine_.step(i).status == StepStatus::failed) ++row.failed;
  }
  return row;
}

store::StepRow ActiveRun::step_row(std::uint32_t index) const {
  const run::StepState& state = machine_.step(index);
  store::StepRow row;
  row.run = id_;
  row.id = machine_.planned(index).id;
  row.status = run::name(state.status);
  row.uses = machine_.spec_of(index).uses;
  row.position = index;
  row.attempts = state.attempts;
  row.attempt = state.attempt;
  row.started_us = state.first_started_us;
  row.ended_us = state.ended_us;
  if (went_wrong(state.status)) {
    row.cause = pipeline::name(state.cause);
    row.message = message_of(state);
  }
  if (state.result) {
    row.outputs = text_of(*state.result, "outputs");
    row.artifacts = text_of(*state.result, "artifacts");
  }
  if (const auto found = logs_.find(index); found != logs_.end()) {
    json logs = json::array();
    for (const Log& log : found->second) {
      json& entry = logs.emplace_back(json::object());
      entry["attempt"] = log.attempt;
      // Of two that run only the last one is known by its number.
      if (log.attempt < state.attempts && machine_.is_in_flight(index, log.attempt))
        entry["open"] = true;
      if (log.rank > 0) entry["rank"] = log.rank;
      entry["segment"] = log.range.segment;
      entry["offset"] = log.range.offset;
      entry["length"] = log.range.length;
    }
    row.log = logs.dump();
  }
  return row;
}

json ActiveRun::step_document(std::uint32_t index) const {
  const run::StepState& state = machine_.step(index);
  json step = json::object();
  step["name"] = machine_.planned(index).id;
  step["uses"] = machine_.spec_of(index).uses;
  step["phase"] = pipeline::name(machine_.spec_of(index).phase);
  step["status"] = run::name(state.status);
  step["started_us"] = state.first_started_us;
  step["ended_us"] = state.ended_us;
  step["attempts"] = state.attempts;
  for (const run::InFlight& each : machine_.in_flight(index))
    step["in_flight"].push_back(each.attempt);
  if (state.status == StepStatus::awaiting) {
    const std::string& asked = machine_.spec_of(index).approve.message;
    step["message"] = state.resolved ? state.resolved->value("message", asked) : asked;
  }
  json& needs = step["needs"] = json::array();
  const std::uint32_t group = machine_.group(index);
  if (group != run::kNoStep) step["instance_of"] = machine_.planned(group).id;
  for (const graph::Node need : plan().graph.needs(group != run::kNoStep ? group : index))
    needs.push_back(need);
  return step;
}

json ActiveRun::accepted(bool with_steps) const {
  json steps = json::array();
  for (std::uint32_t i = 0; with_steps && i < machine_.size(); ++i)
    steps.push_back(step_document(i));
  std::map<const pipeline::Pipeline*, std::size_t> known;
  return {{"type", "accepted"},
          {"run", id_},
          {"pipeline", plan().pipeline->name},
          {"namespace", plan().pipeline->name_space},
          {"version", version_of(submission_.version)},
          {"backend", submission_.options.backend},
          {"jobs", submission_.options.jobs},
          {"created_us", created_us_},
          {"name_columns", longest_name(*plan().pipeline, known)},
          {"recorded", seq_ > 0},
          {"seq", seq_},
          {"steps", std::move(steps)}};
}

json ActiveRun::document(std::int64_t now_us) const {
  json steps = json::array();
  for (std::uint32_t i = 0; i < machine_.size(); ++i) {
    const run::StepState& state = machine_.step(i);
    json needs = json::array();
    const std::uint32_t group = machine_.group(i);
    for (const graph::Node need : plan().graph.needs(group != run::kNoStep ? group : i))
      needs.push_back(plan().steps[need].id);
    const json outputs = member(state.result, "outputs");
    json error = nullptr;
    if (went_wrong(state.status))
      error = {{"cause", pipeline::name(state.cause)}, {"message", message_of(state)}};
    steps.push_back({{"name", machine_.planned(i).id},
                     {"step", machine_.spec_of(i).name},
                     {"uses", machine_.spec_of(i).uses},
                     {"phase", pipeline::name(machine_.spec_of(i).phase)},
                     {"needs", std::move(needs)},
                     {"status", run::name(state.status)},
                     {"attempts", state.attempts},
                     {"started_us", state.first_started_us},
                     {"ended_us", state.ended_us},
                     {"seconds", seconds_of(state, now_us)},
                     {"summary", outputs.contains("summary") && outputs["summary"].is_string()
                                     ? outputs["summary"]
                                     : json("")},
                     {"outputs", outputs},
                     {"artifacts", member(state.result, "artifacts")},
                     {"error", std::move(error)}});
    if (json ended = member(state.result, "post_mortem"); !ended.empty())
      steps.back()["post_mortem"] = std::move(ended);
    if (const auto hedged = hedged_.find(i); hedged != hedged_.end())
      steps.back()["hedged"] = hedged->second.document();
    if (state.result && state.result->contains("ranks"))
      steps.back()["ranks"] = state.result->at("ranks");
  }
  return {{"run", id_},
          {"pipeline", plan().pipeline->name},
          {"namespace", plan().pipeline->name_space},
          {"version", version_of(submission_.version)},
          {"status", run::name(machine_.status())},
          {"started_us", created_us_},
          {"now_us", now_us},
          {"file", submission_.file},
          {"params", plan().params},
          {"backend", submission_.options.backend},
          {"steps", std::move(steps)}};
}

}  // namespace scanflow::runtime
