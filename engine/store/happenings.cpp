#include "engine/store/happenings.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "engine/store/execute.hpp"

namespace scanflow::store {
namespace {

using nlohmann::json;

constexpr const char* kEngine = "engine";
constexpr std::string_view kOfAgent = "agent ", kDecision = " (decision ";
constexpr std::size_t kMostOutputs = 64u << 10;  // bytes, of a happening

/// Of a run that a rule has asked for.
struct AskedBy {
  std::string agent, decision;
};

AskedBy asked_by(const std::string& trigger) {
  const std::size_t at = trigger.find(kDecision);
  if (!trigger.starts_with(kOfAgent) || at == std::string::npos || !trigger.ends_with(')'))
    return {};
  const std::size_t id = at + kDecision.size();
  return {trigger.substr(kOfAgent.size(), at - kOfAgent.size()),
          trigger.substr(id, trigger.size() - id - 1)};
}

/// A decision's own counts the rule that has made it.
Result<int> depth_after(const Connection& connection, const std::string& decision) {
  if (decision.empty()) return 0;
  const auto depths = collect_column<std::int64_t>(
      connection, "SELECT depth FROM decisions WHERE id = ?1", decision);
  if (!depths) return tl::unexpected(depths.error());
  return depths->empty() ? 0 : static_cast<int>(depths->front());
}

Result<int> depth_after_run(const Connection& connection, const std::string& run) {
  if (run.empty()) return 0;
  const auto triggers =
      collect_column<std::string>(connection, "SELECT started_by FROM runs WHERE id = ?1", run);
  if (!triggers) return tl::unexpected(triggers.error());
  return depth_after(connection, triggers->empty() ? "" : asked_by(triggers->front()).decision);
}

json object_of(const std::string& text) {
  if (text.size() > kMostOutputs) return json::object();
  json parsed = json::parse(text, nullptr, false);
  return parsed.is_object() ? parsed : json::object();
}

Result<void> tell(const Connection& connection, const std::string& type, std::int64_t time_us,
                  int depth, const std::string& origin, const json& payload) {
  const auto told =
      add_happening(connection, {type, kEngine, time_us, depth, origin,
                                 payload.dump(-1, ' ', false, json::error_handler_t::replace)});
  if (!told) return tl::unexpected(told.error());
  return {};
}

/// {KEY: VALUE} of the rows of a statement with one parameter; null: not a number.
template <class Value>
Result<json> pairs(const Connection& connection, const char* sql, std::int64_t owner) {
  using Pair = std::pair<std::string, std::optional<Value>>;
  const auto rows = collect<Pair>(
      connection, sql,
      [](const Statement& columns, Pair& row) {
        row.first = columns.column<std::string>(0);
        if (columns.column<bool>(2)) row.second = columns.column<Value>(1);
      },
      owner);
  if (!rows) return tl::unexpected(rows.error());
  json object = json::object();
  for (const auto& [name, value] : *rows) object[name] = value ? json(*value) : json(nullptr);
  return object;
}

}  // namespace

Result<std::int64_t> add_happening(const Connection& connection, const HappeningRow& row) {
  const auto added = change(connection,
                            "INSERT OR IGNORE INTO happenings (type, source, time_us, depth, "
                            "origin, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                            row.type, row.source, row.time_us, row.depth, row.origin, row.payload);
  if (!added) return tl::unexpected(added.error());
  if (*added == 0) {
    const auto there = collect_column<std::int64_t>(
        connection, "SELECT seq FROM happenings WHERE origin = ?1", row.origin);
    if (!there) return tl::unexpected(there.error());
    return there->empty() ? 0 : there->front();
  }
  const std::int64_t seq = sqlite3_last_insert_rowid(connection.handle());
  const auto dropped =
      change(connection, "DELETE FROM happenings WHERE seq <= ?1", seq - kMostHappenings);
  if (!dropped) return tl::unexpected(dropped.error());
  return seq;
}

std::string trigger_of(const std::string& agent, const std::string& decision) {
  return fmt::format("{}{}{}{})", kOfAgent, agent, kDecision, decision);
}

Result<void> tell_run(const Connection& connection, const RunRow& run) {
  if (run.ended_us == 0 || !run.parent.empty()) return {};
  const AskedBy by = asked_by(run.trigger);
  const auto depth = depth_after(connection, by.decision);
  if (!depth) return tl::unexpected(depth.error());
  json payload = {{"run", run.id},
                  {"namespace", run.name_space},
                  {"name", run.pipeline},
                  {"status", run.status},
                  {"trigger", run.trigger},
                  {"summary", run.summary},
                  {"outputs", object_of(run.outputs)}};
  if (!by.agent.empty()) payload.update({{"agent", by.agent}, {"decision", by.decision}});
  return tell(connection, "run.ended", run.ended_us, *depth, "run.ended " + run.id, payload);
}

Result<void> tell_model_version(const Connection& connection, std::int64_t key,
                                std::int64_t time_us) {
  struct NewVersion {
    std::string name, run, step, metrics, source;
    std::int64_t version = 0;
  };
  const auto versions = collect<NewVersion>(
      connection,
      "SELECT m.name, v.version, v.run, v.step, v.metrics, v.source FROM model_versions AS v JOIN "
      "registered_models AS m ON m.key = v.owner WHERE v.key = ?1",
      [](const Statement& columns, NewVersion& row) {
        columns.read(row.name, row.version, row.run, row.step, row.metrics, row.source);
      },
      key);
  if (!versions) return tl::unexpected(versions.error());
  for (const NewVersion& each : *versions) {
    const auto depth = depth_after_run(connection, each.run);
    if (!depth) return tl::unexpected(depth.error());
    return tell(connection, "model.version", time_us, *depth, "",
                {{"name", each.name},
                 {"version", each.version},
                 {"run", each.run},
                 {"step", each.step},
                 {"metrics", object_of(each.metrics)},
                 {"source", each.source}});
  }
  return {};
}

Result<void> tell_model_alias(const Connection& connection, std::int64_t model,
                              const std::string& alias, std::int64_t version, std::int64_t before,
                              const std::string& decision, std::int64_t time_us) {
  const auto names = collect_column<std::string>(
      connection, "SELECT name FROM registered_models WHERE key = ?1", model);
  if (!names) return tl::unexpected(names.error());
  if (names->empty()) return {};
  const auto depth = depth_after(connection, decision);
  if (!depth) return tl::unexpected(depth.error());
  return tell(connection, "model.alias", time_us, *depth, "",
              {{"name", names->front()},
               {"alias", alias},
               {"version", version},
               {"before", before == 0 ? json(nullptr) : json(before)}});
}

Result<void> tell_tracked_run(const Connection& connection, std::int64_t key,
                              std::int64_t time_us) {
  struct TrackedEnd {
    std::string id, experiment, name, status, run;
  };
  const auto runs = collect<TrackedEnd>(
      connection,
      "SELECT t.id, e.name, t.name, t.status, coalesce(r.id, '') FROM tracked_runs AS t JOIN "
      "experiments AS e ON e.key = t.experiment LEFT JOIN runs AS r ON r.key = t.run AND t.run != "
      "0 WHERE t.key = ?1",
      [](const Statement& columns, TrackedEnd& row) {
        columns.read(row.id, row.experiment, row.name, row.status, row.run);
      },
      key);
  if (!runs) return tl::unexpected(runs.error());
  const auto metrics = pairs<double>(
      connection, "SELECT name, value, value IS NOT NULL FROM series WHERE owner = ?1 LIMIT 1000",
      key);
  const auto params = pairs<std::string>(
      connection, "SELECT key, value, 1 FROM tracked_params WHERE owner = ?1 LIMIT 1000", key);
  if (!metrics || !params) return tl::unexpected((metrics ? params : metrics).error());
  for (const TrackedEnd& each : *runs) {
    const auto depth = depth_after_run(connection, each.run);
    if (!depth) return tl::unexpected(depth.error());
    return tell(connection, "tracked_run.ended", time_us, *depth,
                fmt::format("tracked_run.ended {} {}", each.id, each.status),
                {{"id", each.id},
                 {"experiment", each.experiment},
                 {"name", each.name},
                 {"status", each.status},
                 {"metrics", *metrics},
                 {"params", *params}});
  }
  return {};
}

}  // namespace scanflow::store
