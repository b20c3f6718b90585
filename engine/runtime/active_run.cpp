#include "engine/runtime/active_run.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace scanflow::runtime {
namespace {

using run::Event;
using run::EventType;
using run::StepStatus;

std::string_view phase_name(pipeline::Phase phase) {
  switch (phase) {
    case pipeline::Phase::main:
      return "main";
    case pipeline::Phase::on_success:
      return "on_success";
    case pipeline::Phase::on_failure:
      return "on_failure";
    case pipeline::Phase::on_exit:
      return "on_exit";
  }
  return "";
}

double seconds_of(const run::StepState& step, std::int64_t now_us) {
  if (step.first_started_us == 0) return 0;
  const std::int64_t end = step.ended_us > 0 ? step.ended_us : now_us;
  return static_cast<double>(end - step.first_started_us) / 1e6;
}

json member(const std::shared_ptr<const json>& data, const char* name) {
  if (!data || !data->is_object()) return json::object();
  return data->value(name, json::object());
}

std::string message_of(const run::StepState& step) {
  return step.result && step.result->is_object() ? step.result->value("message", "") : "";
}

bool went_wrong(StepStatus status) {
  return status == StepStatus::failed || status == StepStatus::cancelled;
}

}  // namespace

ActiveRun::ActiveRun(std::string id, Submission submission, Prepared prepared,
                     std::int64_t created_us, Keep keep)
    : id_(std::move(id)),
      submission_(std::move(submission)),
      prepared_(std::move(prepared)),
      created_us_(created_us),
      machine_(prepared_.plan, std::hash<std::string>()(id_)),
      keep_(keep) {
  const auto& steps = plan().steps;
  index_.reserve(steps.size());
  dirty_.reserve(steps.size());
  is_dirty_.assign(steps.size(), true);
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    index_.emplace(steps[i].id, i);
    dirty_.push_back(i);
  }
}

run::Event ActiveRun::created_event() const {
  Event event;
  event.type = EventType::run_created;
  event.time_us = created_us_;
  json data = to_json(submission_);
  data["params"] = plan().params;
  data["axes"] = plan().axes;
  data["pipeline"] = plan().pipeline->name;
  data["namespace"] = plan().pipeline->name_space;
  event.data = std::make_shared<const json>(std::move(data));
  return event;
}

void ActiveRun::apply(const Event& event, store::Batch& batch) {
  machine_.apply(event);
  record(event, batch);
}

void ActiveRun::record(const Event& event, store::Batch& batch) {
  if (event.type == EventType::run_ended) ended_us_ = event.time_us;
  if (keep_ == Keep::in_memory && !events_wanted_) {
    history_.push_back(event);
    return;
  }
  static const std::string kNone;
  const std::string& step = event.step == run::kNoStep ? kNone : plan().steps[event.step].id;
  if (keep_ == Keep::in_memory) {
    history_.push_back(event);
  } else {
    batch.events.push_back({id_, ++seq_, event.time_us, std::string(run::name(event.type)), step,
                            run::to_text(event, step)});
    if (event.step != run::kNoStep) touch(event.step);
    if (event.step == run::kNoStep) batch.runs.push_back(row());
  }
  if (events_wanted_) tell({{"type", "event"}, {"event", run::to_json(event, step)}});
}

void ActiveRun::replay(const Event& event, std::int64_t seq) {
  machine_.apply(event);
  seq_ = seq;
  if (event.type == EventType::run_ended) ended_us_ = event.time_us;
  if (event.type != EventType::attempt_ended || event.step == run::kNoStep) return;
  if (const json log = member(event.data, "log"); log.contains("segment")) {
    log_ended(event.step, event.attempt, {log.at("segment"), log.at("offset"), log.at("length")});
  }
}

void ActiveRun::flush_rows(store::Batch& batch) {
  if (keep_ == Keep::in_memory) return;
  for (const std::uint32_t step : dirty_) {
    is_dirty_[step] = false;
    batch.steps.push_back(step_row(step));
  }
  if (!dirty_.empty()) batch.runs.push_back(row());
  dirty_.clear();
}

void ActiveRun::touch(std::uint32_t step) {
  if (is_dirty_[step]) return;
  is_dirty_[step] = true;
  dirty_.push_back(step);
}

void ActiveRun::add_client(Client client) {
  if (!client.listener || !client.listener(accepted(client.every_event))) return;
  listeners_.push_back(std::move(client.listener));
  events_wanted_ = events_wanted_ || client.every_event;
}

void ActiveRun::finish() {
  if (listeners_.empty()) return;
  std::vector<store::StepRow> rows;
  for (std::uint32_t i = 0; events_wanted_ && i < plan().steps.size(); ++i)
    rows.push_back(step_row(i));
  tell({{"type", "finished"}, {"result", result_document(row(), rows)}});
}

void ActiveRun::tell(const json& update) {
  std::erase_if(listeners_, [&](const Listener& listener) { return !listener(update); });
}

void ActiveRun::started(const protocol::Started& started) {
  const std::uint32_t step = index_of(started.id.step);
  if (step == run::kNoStep) return;
  log_ended(step, started.id.attempt, started.log);
}

void ActiveRun::log_ended(std::uint32_t step, std::uint32_t attempt,
                          const protocol::LogRange& log) {
  if (log.segment.empty()) return;
  auto& logs = logs_[step];
  if (logs.empty() || logs.back().attempt != attempt) logs.push_back({attempt, log});
  logs.back().range = log;
  touch(step);
}

std::uint32_t ActiveRun::index_of(const std::string& step_id) const {
  const auto found = index_.find(step_id);
  return found == index_.end() ? run::kNoStep : found->second;
}

store::RunRow ActiveRun::row() const {
  store::RunRow row;
  row.id = id_;
  row.pipeline = plan().pipeline->name;
  row.name_space = plan().pipeline->name_space;
  row.status = run::name(machine_.status());
  row.file = submission_.file;
  row.backend = submission_.options.backend;
  row.summary = machine_.summary();
  row.created_us = created_us_;
  row.ended_us = ended_us_;
  row.steps = static_cast<std::uint32_t>(plan().steps.size());
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
  row.id = plan().steps[index].id;
  row.status = run::name(state.status);
  row.uses = plan().spec_of(index).uses;
  row.position = index;
  row.attempts = state.attempts;
  row.started_us = state.first_started_us;
  row.ended_us = state.ended_us;
  if (went_wrong(state.status)) {
    row.cause = pipeline::name(state.cause);
    row.message = message_of(state);
  }
  if (state.result) {
    row.outputs = member(state.result, "outputs").dump();
    row.artifacts = member(state.result, "artifacts").dump();
  }
  if (const auto found = logs_.find(index); found != logs_.end()) {
    json logs = json::array();
    for (const Log& log : found->second) {
      logs.push_back({{"attempt", log.attempt},
                      {"segment", log.range.segment},
                      {"offset", log.range.offset},
                      {"length", log.range.length}});
    }
    row.log = logs.dump();
  }
  return row;
}

json ActiveRun::accepted(bool with_steps) const {
  json steps = json::array();
  for (std::uint32_t i = 0; with_steps && i < plan().steps.size(); ++i) {
    const run::StepState& state = machine_.step(i);
    json step = {{"name", plan().steps[i].id},
                 {"uses", plan().spec_of(i).uses},
                 {"phase", phase_name(plan().spec_of(i).phase)},
                 {"status", run::name(state.status)},
                 {"started_us", state.first_started_us},
                 {"ended_us", state.ended_us},
                 {"attempts", state.attempts}};
    json needs = json::array();
    for (const graph::Node need : plan().graph.needs(i)) needs.push_back(need);
    step["needs"] = std::move(needs);
    steps.push_back(std::move(step));
  }
  return {{"type", "accepted"},
          {"run", id_},
          {"pipeline", plan().pipeline->name},
          {"namespace", plan().pipeline->name_space},
          {"backend", submission_.options.backend},
          {"jobs", submission_.options.jobs},
          {"created_us", created_us_},
          {"steps", std::move(steps)}};
}

json ActiveRun::document(std::int64_t now_us) const {
  json steps = json::array();
  for (std::uint32_t i = 0; i < plan().steps.size(); ++i) {
    const run::StepState& state = machine_.step(i);
    json needs = json::array();
    for (const graph::Node need : plan().graph.needs(i)) needs.push_back(plan().steps[need].id);
    const json outputs = member(state.result, "outputs");
    json error = nullptr;
    if (went_wrong(state.status))
      error = {{"cause", pipeline::name(state.cause)}, {"message", message_of(state)}};
    steps.push_back({{"name", plan().steps[i].id},
                     {"step", plan().spec_of(i).name},
                     {"uses", plan().spec_of(i).uses},
                     {"phase", phase_name(plan().spec_of(i).phase)},
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
  }
  return {{"run", id_},
          {"pipeline", plan().pipeline->name},
          {"namespace", plan().pipeline->name_space},
          {"status", run::name(machine_.status())},
          {"started_us", created_us_},
          {"now_us", now_us},
          {"file", submission_.file},
          {"params", plan().params},
          {"backend", submission_.options.backend},
          {"steps", std::move(steps)}};
}

json result_document(const store::RunRow& run, const std::vector<store::StepRow>& steps) {
  const auto parse = [](const std::string& text) {
    json value = text.empty() ? json::object() : json::parse(text, nullptr, false);
    return value.is_discarded() ? json::object() : value;
  };
  json list = json::array();
  std::int64_t last_us = run.created_us;
  for (const store::StepRow& step : steps) {
    const std::int64_t end_us = step.ended_us;
    last_us = std::max({last_us, step.started_us, end_us});
    json error = nullptr;
    if (!step.cause.empty() && step.cause != "none")
      error = {{"cause", step.cause}, {"message", step.message}};
    list.push_back({{"name", step.id},
                    {"status", step.status},
                    {"attempts", step.attempts},
                    {"seconds", end_us > 0 && step.started_us > 0
                                    ? static_cast<double>(end_us - step.started_us) / 1e6
                                    : 0.0},
                    {"outputs", parse(step.outputs)},
                    {"artifacts", parse(step.artifacts)},
                    {"error", std::move(error)}});
  }
  const std::int64_t end_us = run.ended_us > 0 ? run.ended_us : last_us;
  return {{"run", run.id},
          {"pipeline", run.pipeline},
          {"namespace", run.name_space},
          {"status", run.status},
          {"summary", run.summary},
          {"seconds", static_cast<double>(end_us - run.created_us) / 1e6},
          {"steps", std::move(list)}};
}

}  // namespace scanflow::runtime
