// What backends tell the engine.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <type_traits>
#include <utility>

#include "engine/runtime/checkpoints.hpp"
#include "engine/runtime/engine_impl.hpp"
#include "engine/runtime/kept_result.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/text.hpp"

namespace scanflow::runtime {
namespace {

using run::Event;
using run::EventType;

const protocol::AttemptId& id_of(const backend::Report& report) {
  return std::visit(
      [](const auto& body) -> const protocol::AttemptId& {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, protocol::Ended> ||
                      std::is_same_v<Body, backend::GangEnded>) {
          return body.result.id;
        } else if constexpr (std::is_same_v<Body, backend::Strays>) {
          static const protocol::AttemptId none;
          return none;
        } else {
          return body.id;
        }
      },
      report);
}

run::Cause cause_of(const protocol::Result& result) {
  if (result.status == "succeeded") return run::Cause::none;
  if (result.status == "cancelled") return run::Cause::cancelled;
  return pipeline::parse_cause(result.cause).value_or(run::Cause::error);
}

/// When that attempt in flight has begun.
std::int64_t started_of(const ActiveRun& run, std::uint32_t step, std::uint32_t attempt) {
  for (const run::InFlight& each : run.machine().in_flight(step)) {
    if (each.attempt == attempt) return each.started_us;
  }
  return run.machine().step(step).started_us;
}

/// Programs may say any bytes; all that is kept and told is UTF-8.
void clean(protocol::Result& result) {
  result.message = valid_utf8(std::move(result.message));
  for (protocol::ArtifactFile& file : result.artifacts)
    file.name = valid_utf8(std::move(file.name));
}

void clean(backend::Report& report) {
  if (auto* ended = std::get_if<protocol::Ended>(&report)) {
    clean(ended->result);
  } else if (auto* gang = std::get_if<backend::GangEnded>(&report)) {
    clean(gang->result);
  } else if (auto* progress = std::get_if<protocol::Progress>(&report)) {
    progress->message = valid_utf8(std::move(progress->message));
  } else if (auto* metric = std::get_if<protocol::Metric>(&report)) {
    metric->name = valid_utf8(std::move(metric->name));
    std::map<std::string, std::string> labels;
    for (auto& [name, value] : metric->labels)
      labels.emplace(valid_utf8(name), valid_utf8(std::move(value)));
    metric->labels = std::move(labels);
  }
}

}  // namespace

void Engine::Impl::on_reports(std::vector<backend::Report> reports) {
  if (failed || closing) return;
  bool changed = false;
  for (backend::Report& report : gangs.fold(std::move(reports))) {
    clean(report);
    if (const auto* kept = std::get_if<backend::Kept>(&report)) {
      on_kept(kept->id);
      continue;
    }
    if (const auto* some = std::get_if<backend::Strays>(&report)) {
      on_strays(some->ids);
      continue;
    }
    const auto found = runs.find(id_of(report).run);
    if (found == runs.end()) continue;
    const EntryPtr entry = found->second;
    if (auto* ended = std::get_if<protocol::Ended>(&report)) {
      on_ended(entry, std::move(ended->result));
      entry->changed = changed = true;
    } else if (auto* gang = std::get_if<backend::GangEnded>(&report)) {
      on_ended(entry, std::move(gang->result), ranks_data(gang->members));
      entry->changed = changed = true;
    } else if (const auto* metric = std::get_if<protocol::Metric>(&report)) {
      on_metric(entry, *metric);
    } else if (const auto* progress = std::get_if<protocol::Progress>(&report)) {
      steering.progress[progress->id] = *progress;
      entry->run.tell({{"type", "progress"},
                       {"step", progress->id.step},
                       {"attempt", progress->id.attempt},
                       {"fraction", progress->fraction},
                       {"message", progress->message}});
    } else if (const auto* started = std::get_if<protocol::Started>(&report)) {
      entry->run.started(*started);
      arm_rows();
    } else if (const auto* placed = std::get_if<backend::Placed>(&report)) {
      on_placed(entry, *placed);
    } else if (const auto* call = std::get_if<protocol::HostCall>(&report)) {
      on_host_call(entry, *call);
    }
  }
  if (changed) pump();
  flush();
}

void Engine::Impl::acknowledge(const EntryPtr& entry, const protocol::AttemptId& id) {
  after.acknowledged.emplace_back(entry, id);
}

/// An earlier engine died, or its connection broke, before it had acknowledged that. Results of runs
/// that can still be resumed stay until they are.
void Engine::Impl::on_kept(const protocol::AttemptId& id) {
  if (const auto found = runs.find(id.run); found != runs.end()) {
    const std::uint32_t step = found->second->run.index_of(id.step);
    const run::Machine& machine = found->second->run.machine();
    if (step != run::kNoStep && machine.is_in_flight(step, id.attempt)) return;
  } else {
    if (recovering.contains(id.run) || !options.store) return;
    const auto known = options.store->find_runs(id.run);
    if (!known || (!known->empty() && known->front().ended_us == 0)) return;
  }
  for (const auto& [name, backend] : backends) backend->forget({id});  // whose it is
}

void Engine::Impl::on_placed(const EntryPtr& entry, const backend::Placed& placed) {
  const std::uint32_t step = entry->run.index_of(placed.id.step);
  if (step == run::kNoStep) return;
  if (!entry->run.machine().is_in_flight(step, placed.id.attempt)) return;
  const json known = entry->run.pod_of(step, placed.id.attempt);
  if (known.is_object() && known["name"] == placed.pod &&
      (placed.node.empty() || known["node"] == placed.node))
    return;  // it is recorded, perhaps by an earlier engine
  json data = {{"backend", entry->run.submission().options.backend},
               {"name", placed.pod},
               {"node", placed.node},
               {"kept", placed.use > 1},
               {"use", placed.use}};
  entry->run.apply({.type = EventType::attempt_placed,
                    .step = step,
                    .attempt = placed.id.attempt,
                    .time_us = wall_us(),
                    .data = std::make_shared<const json>(std::move(data))},
                   batch);
}

void Engine::Impl::on_ended(const EntryPtr& entry, protocol::Result result, json ranks) {
  const std::uint32_t step = entry->run.index_of(result.id.step);
  if (step == run::kNoStep) return;
  if (!entry->run.machine().is_in_flight(step, result.id.attempt)) {
    acknowledge(entry, result.id);  // told twice
    return;
  }
  const bool superseded = entry->run.machine().step(step).status != run::StepStatus::running;
  if (result.artifacts.empty() || result.status != "succeeded" || superseded) {
    attempt_ended(entry, step, result, json::object(), std::move(ranks));
    return;
  }
  work([this, entry, step, result = std::move(result), ranks = std::move(ranks)]() mutable {
    json stored = json::object();
    for (const protocol::ArtifactFile& file : result.artifacts) {
      // What came through a sidecar is in the store already.
      auto artifact = file.sha256.empty() ? artifacts.put(file.path)
                                          : artifacts.find(file.sha256, file.directory);
      if (!artifact) {
        result.status = "failed";
        result.cause = "error";
        result.message = fmt::format("artifact {}: {}", file.name, artifact.error().message);
        break;
      }
      stored[file.name] = {{"path", artifact->path.string()},
                           {"sha256", artifact->sha256},
                           {"bytes", artifact->bytes},
                           {"directory", artifact->directory}};
    }
    post([this, entry, step, result = std::move(result), stored = std::move(stored),
          ranks = std::move(ranks)]() mutable {
      if (failed || closing || entry->over) return;
      attempt_ended(entry, step, result, std::move(stored), std::move(ranks));
      pump(entry);
      flush();
    });
  });
}

void Engine::Impl::attempt_ended(const EntryPtr& entry, std::uint32_t step,
                                 const protocol::Result& result, json stored, json ranks) {
  ActiveRun& run = entry->run;
  run.logs_ended(step, result.id.attempt, result.log, ranks);
  Event event;
  event.type = EventType::attempt_ended;
  event.step = step;
  event.attempt = result.id.attempt;
  // When it ended, not when that was heard: the engine may have been away.
  const std::int64_t now = wall_us();
  event.time_us = result.ended_us > 0
                      ? std::clamp(result.ended_us,
                                   std::min(started_of(run, step, result.id.attempt), now), now)
                      : now;
  event.cause = run.machine().cause_of_end(step, result.id.attempt, cause_of(result));
  // Nothing of what it has made is the step's.
  const bool superseded = event.cause == run::Cause::superseded;
  if (json data = superseded ? superseded_data(result)
                             : result_data(result, std::move(stored), std::move(ranks));
      !data.is_null()) {
    event.data = std::make_shared<const json>(std::move(data));
  }
  run.apply(event, batch);
  acknowledge(entry, result.id);
  const run::Machine& machine = run.machine();
  if (machine.step(step).status == run::StepStatus::succeeded && machine.in_flight(step).empty())
    drop_checkpoints(entry, step);
  const auto& resolved = run.machine().step(step).resolved;
  if (event.cause == run::Cause::none && resolved && resolved->contains("cache_key")) {
    const json data = event.data ? *event.data : json::object();
    batch.cache.push_back({resolved->at("cache_key"), run.id(), result.id.step, event.time_us,
                           data.value("outputs", json::object()).dump(),
                           data.value("artifacts", json::object()).dump()});
  }
}

/// Once it is committed that the step has succeeded.
void Engine::Impl::drop_checkpoints(const EntryPtr& entry, std::uint32_t step) {
  if (entry->run.machine().spec_of(step).uses == "noop") return;  // done before one could look
  after.calls.emplace_back(
      [this, run = entry->run.id(), id = entry->run.machine().planned(step).id] {
        if (!has_checkpoints(options.state, run, id)) return;
        work([this, run, id] { remove_checkpoints(options.state, run, id); });
      });
}

void Engine::Impl::on_metric(const EntryPtr& entry, const protocol::Metric& metric) {
  recent.logged(metric, wall_us());
  entry->run.tell({{"type", "metric"},
                   {"step", metric.id.step},
                   {"attempt", metric.id.attempt},
                   {"name", metric.name},
                   {"value", metric.value},
                   {"at_step", metric.step},
                   {"labels", metric.labels}});
  if (!metric.logged || !options.store) return;
  if (auto begun = entry->run.begins_to_log(metric.id)) batch.tracked.push_back(std::move(*begun));
  batch.metrics.push_back({metric.id.run, metric.id.step, metric.name, metric.id.attempt,
                           metric.number, metric.step, metric.time_us, metric.value,
                           metric.labels.empty() ? std::string() : json(metric.labels).dump()});
}

namespace {

/// One series per step, attempt, name and labels.
json metrics_document(const std::vector<store::MetricRow>& rows) {
  json series = json::array();
  std::map<std::tuple<std::string, std::uint32_t, std::string, std::string>, std::size_t> index;
  for (const store::MetricRow& row : rows) {
    const auto [found, fresh] =
        index.try_emplace({row.step, row.attempt, row.name, row.labels}, series.size());
    if (fresh) {
      series.push_back({{"step", row.step},
                        {"attempt", row.attempt},
                        {"name", row.name},
                        {"labels", row.labels.empty() ? json::object()
                                                      : json::parse(row.labels, nullptr, false)},
                        {"points", json::array()}});
    }
    series[found->second]["points"].push_back({row.at_step, row.value, row.time_us});
  }
  return series;
}

/// The registry's entry for what `models.register` asks.
Result<store::ModelVersion> model_of(const protocol::HostCall& call, const json& resolved,
                                     const json& document) {
  const json request = json::parse(call.arguments, nullptr, false);
  const auto text = [&](const char* name) {
    return request.contains(name) && request.at(name).is_string();
  };
  if (!request.is_object() || !text("name") || !text("input")) {
    return fail("models.register: needs a name and the input that holds the model, as texts");
  }
  for (const char* name : {"metrics", "tags"}) {
    const json values = request.value(name, json::object());
    if (!values.is_object() || std::any_of(values.begin(), values.end(), [](const json& value) {
          return value.is_structured() || value.is_null();
        }))
      return fail(fmt::format("models.register: {} must be an object of plain values", name));
  }
  const json inputs = resolved.value("inputs", json::object());
  const std::string input = request.at("input");
  if (!inputs.contains(input)) return fail("models.register: the step has no input named " + input);
  store::ModelVersion model;
  model.name = request.at("name");
  model.sha256 = inputs.at(input).at("sha256");
  model.run = call.id.run;
  model.step = call.id.step;
  model.attempt = call.id.attempt;
  model.time_us = wall_us();
  model.metrics = request.value("metrics", json::object()).dump();
  model.tags = request.value("tags", json::object()).dump();
  json lineage = {{"run", call.id.run},
                  {"pipeline", document.at("pipeline")},
                  {"params", document.at("params")}};
  for (const auto& [name, artifact] : inputs.items())
    lineage["inputs"][name] = artifact.at("sha256");
  for (const json& step : document.at("steps")) {  // which step made the model
    for (const auto& [name, artifact] : step.at("artifacts").items()) {
      if (artifact.at("sha256") == model.sha256) lineage["made_by"] = step.at("name");
    }
  }
  model.lineage = lineage.dump();
  return model;
}

}  // namespace

void Engine::Impl::on_host_call(const EntryPtr& entry, const protocol::HostCall& call) {
  json document = entry->run.document(wall_us());
  const std::uint32_t step = entry->run.index_of(call.id.step);
  if (step == run::kNoStep) return;
  const auto resolved = entry->run.machine().step(step).resolved;
  backend::Backend* backend = backend_for(entry->run.submission().options.backend);
  auto answer = [this, backend, call, resolved, document = std::move(document)]() mutable {
    protocol::HostReply reply{call.id, call.call, false, ""};
    const auto send = [&] { post([backend, reply] { backend->reply(reply); }); };
    const auto refuse = [&](const std::string& why) {
      reply.value = why;
      send();
    };
    if (!options.store) return refuse("this engine keeps no state");
    if (call.method == "run.state") {
      const auto metrics = options.store->metrics(call.id.run);
      const auto models = options.store->models();
      if (!metrics) return refuse(metrics.error().message);
      if (!models) return refuse(models.error().message);
      document["metrics"] = metrics_document(*metrics);
      document["models"] = json::array();
      for (const store::ModelVersion& model : *models) {
        if (model.run != call.id.run) continue;
        document["models"].push_back({{"name", model.name},
                                      {"version", model.version},
                                      {"sha256", model.sha256},
                                      {"step", model.step}});
      }
      reply.ok = true;
      reply.value = document.dump();
    } else if (call.method == "models.register") {
      auto model = model_of(call, resolved ? *resolved : json::object(), document);
      if (!model) return refuse(model.error().message);
      const auto registered = options.store->register_model(std::move(*model));
      if (!registered) return refuse(registered.error().message);
      reply.ok = true;
      reply.value = json{{"name", registered->name},
                         {"version", registered->version},
                         {"sha256", registered->sha256}}
                        .dump();
    } else {
      return refuse("the engine knows no host call " + call.method);
    }
    send();
  };
  // What was recorded before the question must be in the answer: after the next commit.
  after.calls.emplace_back([this, answer]() mutable { work(std::move(answer)); });
}

}  // namespace scanflow::runtime
