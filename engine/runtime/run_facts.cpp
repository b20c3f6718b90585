#include "engine/runtime/run_facts.hpp"

#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_map>

#include "engine/backend/names.hpp"
#include "engine/pipeline/reader.hpp"
#include "engine/runtime/hedged_attempts.hpp"

namespace scanflow::runtime {
namespace {

bool any_is(const std::vector<store::StepRow>& steps, std::string_view status) {
  return std::any_of(steps.begin(), steps.end(),
                     [&](const store::StepRow& step) { return step.status == status; });
}

/// What a step's field is, or the pipeline's defaults say it is.
json field_of(const json& step, const json& defaults, const char* field) {
  const json own = step.value(field, json());
  return own.is_null() ? defaults.value(field, json()) : own;
}

/// What the pipeline's text says; it is as the run recorded it, and was found to be good then.
void read_source(const json& created, RunFacts& facts,
                 std::map<std::string, std::string>& defaults) {
  if (!created.is_object() || !created.contains("data")) return;
  const auto source = pipeline::read_yaml_value(created["data"].value("file", ""),
                                                created["data"].value("source", ""));
  if (!source || !source->is_object()) return;
  const json base = source->value("defaults", json::object());
  for (const char* phase : {"steps", "on_success", "on_failure", "on_exit"}) {
    for (const json& step : source->value(phase, json::array())) {
      if (!step.is_object() || !step.contains("name") || !step["name"].is_string()) continue;
      const std::string name = step["name"];
      if (field_of(step, base, "allow_failure") == json(true)) facts.tolerated.insert(name);
      const json approve = field_of(step, base, "approve");
      if (approve.is_object()) defaults[name] = approve.value("default", "reject");
    }
  }
}

/// How the last attempt of each step ended.
void read_ends(const std::vector<store::EventRow>& events, RunFacts& facts) {
  for (const store::EventRow& row : events) {
    if (row.body.find("\"attempt_ended\"") == std::string::npos) continue;
    const bool has = row.body.find("\"post_mortem\"") != std::string::npos ||
                     row.body.find("\"ranks\"") != std::string::npos;
    if (!has && facts.post_mortems.empty() && facts.ranks.empty()) continue;
    const json event = json::parse(row.body, nullptr, false);
    if (!event.is_object() || event.value("type", "") != "attempt_ended") continue;
    const json data = event.value("data", json::object());
    const std::string step = event.at("step");
    facts.post_mortems.erase(step);
    facts.ranks.erase(step);
    if (data.contains("post_mortem")) facts.post_mortems[step] = data.at("post_mortem");
    if (data.contains("ranks")) facts.ranks[step] = data.at("ranks");
  }
}

using AttemptsOfSteps = std::map<std::string, HedgedAttempts>;

void read_attempts(const std::vector<store::EventRow>& events, AttemptsOfSteps& attempts) {
  for (const store::EventRow& row : events) {
    const bool starts = row.body.find("\"attempt_started\"") != std::string::npos;
    if (!starts && row.body.find("\"attempt_ended\"") == std::string::npos) continue;
    const json event = json::parse(row.body, nullptr, false);
    if (!event.is_object() || !event.contains("attempt")) continue;
    HedgedAttempts& of = attempts[event.at("step")];
    if (event.at("type") == "attempt_started")
      of.started(event.at("attempt"), event.at("time_us"));
    else if (event.at("type") == "attempt_ended")
      of.ended(event.at("attempt"), event.at("time_us"), event.value("cause", "none"));
  }
}

void read_pods(const std::vector<store::EventRow>& events, RunFacts& facts) {
  for (const store::EventRow& row : events) {
    if (row.body.find("\"attempt_placed\"") == std::string::npos) continue;
    const json event = json::parse(row.body, nullptr, false);
    if (!event.is_object() || event.value("type", "") != "attempt_placed") continue;
    facts.pods[event.at("step")] = pod_document(event);
  }
}

/// The last question of each step.
void read_questions(const std::vector<store::EventRow>& events, RunFacts& facts,
                    const std::map<std::string, std::string>& defaults) {
  for (const store::EventRow& row : events) {
    if (row.body.find("approval_requested") == std::string::npos) continue;
    const json event = json::parse(row.body, nullptr, false);
    if (!event.is_object() || event.value("type", "") != "approval_requested") continue;
    const std::string step = event.at("step");
    const std::int64_t until_us = event.value("wake_us", std::int64_t{0});
    const auto otherwise = defaults.find(step.substr(0, step.find('[')));
    facts.approvals[step] = {{"message", event.value("data", json::object()).value("message", "")},
                             {"since_us", event.at("time_us")},
                             {"until_us", until_us},
                             {"default", until_us == 0                 ? json()
                                         : otherwise == defaults.end() ? json("reject")
                                                                       : json(otherwise->second)}};
  }
}

/// The instances of a for_each behind their step, where people look for them.
std::vector<const store::StepRow*> facts_in_order(const std::vector<store::StepRow>& steps) {
  std::unordered_map<std::string_view, std::size_t> names;
  for (std::size_t i = 0; i < steps.size(); ++i) names.emplace(steps[i].id, i);
  std::vector<std::vector<std::size_t>> instances(steps.size());
  std::vector<bool> placed(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string_view id = steps[i].id;
    const auto whole = names.find(id.substr(0, std::min(id.rfind('['), id.size())));
    placed[i] = whole != names.end() && whole->second < i;
    if (placed[i]) instances[whole->second].push_back(i);
  }
  std::vector<const store::StepRow*> ordered;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (placed[i]) continue;
    ordered.push_back(&steps[i]);
    for (const std::size_t instance : instances[i]) ordered.push_back(&steps[instance]);
  }
  return ordered;
}

json object_in(const std::string& text) {
  if (text.size() <= 2) return json::object();
  json value = json::parse(text, nullptr, false);
  return value.is_discarded() ? json::object() : value;
}

double seconds_between(std::int64_t begin_us, std::int64_t end_us) {
  return static_cast<double>(end_us - begin_us) / 1e6;
}

json step_entry(const store::StepRow& step, const RunFacts& facts) {
  const std::int64_t end_us = step.status == "running" ? facts.now_us : step.ended_us;
  const bool timed = end_us > 0 && step.started_us > 0;
  json entry = {{"name", step.id},
                {"status", step.status},
                {"attempts", step.attempts},
                {"seconds", timed ? seconds_between(step.started_us, end_us) : 0.0},
                {"outputs", object_in(step.outputs)},
                {"artifacts", object_in(step.artifacts)},
                {"error", nullptr}};
  if (!step.cause.empty() && step.cause != "none")
    entry["error"] = {{"cause", step.cause}, {"message", step.message}};
  if (step.status == "failed" && facts.tolerated.contains(step.id.substr(0, step.id.find('['))))
    entry["tolerated"] = true;
  if (const auto asked = facts.approvals.find(step.id);
      asked != facts.approvals.end() && step.status == "awaiting")
    entry["approval"] = asked->second;
  if (const auto ended = facts.post_mortems.find(step.id); ended != facts.post_mortems.end())
    entry["post_mortem"] = ended->second;
  if (const auto ranks = facts.ranks.find(step.id); ranks != facts.ranks.end())
    entry["ranks"] = ranks->second;
  if (const auto hedged = facts.hedged.find(step.id); hedged != facts.hedged.end())
    entry["hedged"] = hedged->second;
  if (const auto pod = facts.pods.find(step.id); pod != facts.pods.end())
    entry["pod"] = pod->second;
  if (const auto child = facts.called.find(step.id); child != facts.called.end())
    entry["run"] = child->second;
  return entry;
}

}  // namespace

CalledRuns called_runs(const store::Store& store, const std::string& run) {
  CalledRuns called;
  const auto rows =
      store.runs({.children_of = run, .limit = std::numeric_limits<std::uint32_t>::max()});
  if (!rows) return called;
  for (const store::RunRow& row : *rows) called.emplace(row.parent_step, row.id);  // newest first
  return called;
}

json pod_document(const json& event) {
  json document = event.value("data", json::object());
  document["attempt"] = event.at("attempt");
  return document;
}

RunFacts run_facts(const store::Store& store, const store::RunRow& run,
                   const std::vector<store::StepRow>& steps) {
  RunFacts facts;
  facts.called = called_runs(store, run.id);
  const bool asked = any_is(steps, "awaiting");
  const bool ended = any_is(steps, "failed") || any_is(steps, "cancelled");
  const bool in_pods = backend::runs_pods(run.backend);
  const bool gangs = std::any_of(steps.begin(), steps.end(), [](const store::StepRow& step) {
    return step.log.find("\"rank\"") != std::string::npos;
  });
  const bool again = std::any_of(steps.begin(), steps.end(),
                                 [](const store::StepRow& step) { return step.attempts > 1; });
  if (!asked && !ended && !in_pods && !gangs && !again) return facts;
  const auto first = store.events(run.id, 0, 1);
  if (!first || first->empty()) return facts;
  std::map<std::string, std::string> defaults;
  read_source(json::parse(first->front().body, nullptr, false), facts, defaults);
  AttemptsOfSteps attempts;
  constexpr std::size_t kPage = 10'000;
  for (std::int64_t after = 0;;) {
    const auto events = store.events(run.id, after, kPage);
    if (!events || events->empty()) break;
    if (asked) read_questions(*events, facts, defaults);
    read_ends(*events, facts);
    if (in_pods) read_pods(*events, facts);
    if (again) read_attempts(*events, attempts);
    after = events->back().seq;
  }
  for (const auto& [step, of] : attempts) {
    if (of.any()) facts.hedged[step] = of.document();
  }
  return facts;
}

json result_document(const store::RunRow& run, const std::vector<store::StepRow>& steps,
                     const RunFacts& facts) {
  json list = json::array();
  std::int64_t end_us = std::max(run.created_us, facts.now_us);
  for (const store::StepRow* step : facts_in_order(steps)) {
    end_us = std::max({end_us, step->started_us, step->ended_us});
    list.push_back(step_entry(*step, facts));
  }
  if (run.ended_us > 0) end_us = run.ended_us;
  return {{"run", run.id},
          {"pipeline", run.pipeline},
          {"namespace", run.name_space},
          {"version", run.version > 0 ? json(run.version) : json()},
          {"status", run.status},
          {"summary", run.summary},
          {"seconds", seconds_between(run.created_us, end_us)},
          {"steps", std::move(list)}};
}

}  // namespace scanflow::runtime
