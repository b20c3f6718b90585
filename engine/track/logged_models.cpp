#include "engine/track/logged_models.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <optional>

#include "engine/track/artifact_files.hpp"

namespace scanflow::track {
namespace {

constexpr std::int64_t kMostLogged = 50'000, kFewLogged = 50;
constexpr std::size_t kMostOfModel = 1000;  // parameters or tags at once
constexpr const char* kStatusPrefix = "LOGGED_MODEL_";
constexpr std::array kModelStatuses{"PENDING", "READY", "UPLOAD_FAILED"};  // by protobuf's numbers

constexpr const char* kLoggedColumns =
    "t.key, t.experiment, t.created_ms, t.updated_ms, t.id, t.name, t.type, t.status, "
    "t.source_run, t.artifact_uri";

const Searchable& logged_models() {
  using Type = Attribute::Type;
  static const Searchable all{"logged models",
                              {{"model_id", "t.id"},
                               {"name", "t.name"},
                               {"model_type", "t.type"},
                               {"status", "t.status"},
                               {"source_run_id", "t.source_run"},
                               {"experiment_id", "t.experiment", Type::number},
                               {"creation_time", "t.created_ms", Type::number},
                               {"creation_timestamp", "t.created_ms", Type::number},
                               {"last_updated_timestamp", "t.updated_ms", Type::number}},
                              {Entity::metric, Entity::parameter, Entity::tag}};
  return all;
}

LoggedModel read_logged(const store::Statement& columns) {
  LoggedModel model;
  columns.read(model.key, model.experiment, model.created_ms, model.updated_ms, model.id,
               model.name, model.type, model.status, model.source_run, model.artifact_uri);
  return model;
}

LoggedModel model_of_path(const Session& session, const Fields& request) {
  return logged_model_of(session, request.required("model_id", kMostKey));
}

json metrics_of(const Db& db, const LoggedModel& model) {
  json metrics = json::array();
  db.each(
      "SELECT name, value, time_ms, step, run, dataset_name, dataset_digest FROM "
      "logged_model_metrics WHERE owner = ? ORDER BY name, time_ms",
      [&](const store::Statement& row) {
        json metric = {
            {"key", row.column<std::string>(0)},        {"value", number_of(row.column<double>(1))},
            {"timestamp", row.column<std::int64_t>(2)}, {"step", row.column<std::int64_t>(3)},
            {"run_id", row.column<std::string>(4)},     {"model_id", model.id}};
        if (auto name = row.column<std::string>(5); !name.empty()) {
          metric["dataset_name"] = std::move(name);
          metric["dataset_digest"] = row.column<std::string>(6);
        }
        metrics.push_back(std::move(metric));
      },
      model.key);
  return metrics;
}

/// {"info", "data": {"params", "metrics"}}
json document_of(const Db& db, const LoggedModel& model) {
  return {{"info",
           {{"model_id", model.id},
            {"experiment_id", std::to_string(model.experiment)},
            {"name", model.name},
            {"creation_timestamp_ms", model.created_ms},
            {"last_updated_timestamp_ms", model.updated_ms},
            {"artifact_uri", model.artifact_uri},
            {"status", kStatusPrefix + model.status},
            {"model_type", model.type},
            {"source_run_id", model.source_run},
            {"tags", pairs_of(db, "logged_model_tags", model.key)}}},
          {"data",
           {{"params", pairs_of(db, "logged_model_params", model.key)},
            {"metrics", metrics_of(db, model)}}}};
}

/// As it is now, after what was said of it.
json updated(const Session& session, const LoggedModel& model) {
  session.db.change("UPDATE logged_models SET updated_ms = ? WHERE key = ?", session.now_ms,
                    model.key);
  return {{"model", document_of(session.db, logged_model_of(session, model.id))}};
}

void put_pairs(const Session& session, const char* table, std::int64_t owner, const Fields& request,
               const char* name, std::size_t most_value) {
  for (const auto& [key, value] : request.pairs(name, kMostOfModel, most_value))
    put_pair(session.db, table, owner, key, value);
}

/// "metrics.loss" of {"field_name", "ascending"} as the order of a filter's language.
std::string order_text(const Fields& order) {
  std::string field = order.required("field_name", kMostKey);
  if (const std::size_t dot = field.find('.'); dot != std::string::npos) {
    if (field.find('`') != std::string::npos) order.wrong("field_name", "has a backtick in it");
    field = fmt::format("{}.`{}`", field.substr(0, dot), field.substr(dot + 1));
  }
  return field + (!order.has("ascending") || order.flag("ascending") ? " ASC" : " DESC");
}

/// Those that have a metric of one of these datasets.
void add_datasets(const Fields& request, Sql& where) {
  std::vector<std::string> any;
  for (const Fields& each : request.objects("datasets", 100)) {
    any.emplace_back("(d.dataset_name = ?");
    where.parameters.emplace_back(each.required("dataset_name", kMostName));
    if (const std::string digest = each.limited("dataset_digest", kMostKey); !digest.empty()) {
      any.back() += " AND d.dataset_digest = ?";
      where.parameters.emplace_back(digest);
    }
    any.back() += ")";
  }
  if (any.empty()) return;
  where.text += fmt::format(
      " AND EXISTS (SELECT 1 FROM logged_model_metrics AS d WHERE d.owner = t.key AND ({}))",
      fmt::join(any, " OR "));
}

}  // namespace

LoggedModel logged_model_of(const Session& session, const std::string& id) {
  std::optional<LoggedModel> found;
  session.db.each(
      fmt::format("SELECT {} FROM logged_models AS t WHERE id = ? AND deleted = 0", kLoggedColumns)
          .c_str(),
      [&](const store::Statement& row) { found = read_logged(row); }, id);
  if (!found) refuse(Code::does_not_exist, fmt::format("there is no logged model '{}'", id));
  return std::move(*found);
}

void put_model_metric(const Session& session, const RunRow& run, const Fields& metric) {
  const LoggedModel model = logged_model_of(session, metric.required("model_id", kMostKey));
  const double value = metric.real("value");
  session.db.change(
      "INSERT INTO logged_model_metrics VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO "
      "UPDATE SET time_ms = excluded.time_ms, step = excluded.step, value = excluded.value WHERE "
      "(excluded.step, excluded.time_ms) >= (step, time_ms)",
      model.key, metric.required("key", kMostKey), run.id,
      metric.limited("dataset_name", kMostName), metric.limited("dataset_digest", kMostKey),
      metric.number("timestamp").value_or(session.now_ms), metric.number("step").value_or(0),
      value);
}

void put_run_models(const Session& session, const RunRow& run, const Fields& request, bool made) {
  for (const Fields& each : request.objects("models", kMostOfModel)) {
    const LoggedModel model = logged_model_of(session, each.required("model_id", kMostKey));
    session.db.change("INSERT OR REPLACE INTO run_models VALUES (?, ?, ?, ?)", run.key,
                      made ? 1 : 0, model.id, each.number("step").value_or(0));
  }
}

json run_models(const Db& db, std::int64_t run, bool made) {
  json models = json::array();
  db.each(
      "SELECT model, step FROM run_models WHERE owner = ? AND made = ? ORDER BY step, model",
      [&](const store::Statement& row) {
        models.push_back(
            {{"model_id", row.column<std::string>(0)}, {"step", row.column<std::int64_t>(1)}});
      },
      run, made ? 1 : 0);
  return models;
}

json create_logged_model(const Session& session, const Fields& request) {
  LoggedModel model;
  model.experiment = experiment_of(session, request);
  const auto location = session.db.one<std::string>(
      "SELECT artifact_location FROM experiments WHERE key = ? AND deleted = 0", model.experiment);
  if (!location)
    refuse(Code::invalid,
           fmt::format("experiment {} is deleted: restore it first", model.experiment));
  const std::string unique = session.new_id();
  model.id = "m-" + unique;
  model.name = request.limited("name", kMostName);
  if (model.name.empty()) model.name = "model-" + unique.substr(0, 8);
  if (model.name.find_first_of("/:.%\"'") != std::string::npos)
    request.wrong("name", "has one of / : . % \" ' in it, which URIs of models cannot have");
  session.db.change(
      "INSERT INTO logged_models (id, experiment, name, type, status, source_run, artifact_uri, "
      "created_ms, updated_ms) VALUES (?, ?, ?, ?, 'PENDING', ?, ?, ?, ?)",
      model.id, model.experiment, model.name, request.limited("model_type", kMostName),
      request.limited("source_run_id", kMostKey),
      fmt::format("{}/models/{}/artifacts", *location, model.id), session.now_ms, session.now_ms);
  model.key = session.db.last_key();
  put_pairs(session, "logged_model_params", model.key, request, "params", kMostParameter);
  put_pairs(session, "logged_model_tags", model.key, request, "tags", kMostTag);
  return updated(session, model);
}

json get_logged_model(const Session& session, const Fields& request) {
  return {{"model", document_of(session.db, model_of_path(session, request))}};
}

json finalize_logged_model(const Session& session, const Fields& request) {
  const LoggedModel model = model_of_path(session, request);
  const std::string said = request.required("status", kMostKey);
  for (std::size_t i = 0; i < kModelStatuses.size(); ++i) {
    if (said != std::string(kStatusPrefix) + kModelStatuses[i] && said != std::to_string(i + 1))
      continue;
    session.db.change("UPDATE logged_models SET status = ? WHERE key = ?",
                      std::string(kModelStatuses[i]), model.key);
    return updated(session, model);
  }
  request.wrong("status", fmt::format("is '{}', and must be {}{}", said.substr(0, 50),
                                      kStatusPrefix, fmt::join(kModelStatuses, "|")));
}

/// It is found no more; its files stay, since a registered model may be made of them.
json delete_logged_model(const Session& session, const Fields& request) {
  session.db.change("UPDATE logged_models SET deleted = 1, updated_ms = ? WHERE key = ?",
                    session.now_ms, model_of_path(session, request).key);
  return json::object();
}

json search_logged_models(const Session& session, const Fields& request) {
  json plain = {{"filter", request.text("filter")},
                {"page_token", request.text("page_token")},
                {"max_results", request.within("max_results", 1, kMostLogged, kFewLogged)},
                {"order_by", json::array()}};
  for (const Fields& each : request.objects("order_by", kMostOrders))
    plain["order_by"].push_back(order_text(each));
  Search search = search_of(Fields(plain), logged_models(),
                            {"logged_model_tags", "logged_model_params", "logged_model_metrics"},
                            {kMostLogged, kFewLogged}, "t.created_ms DESC, t.id");
  add_datasets(request, search.where);
  return page_of(session.db, search,
                 {kLoggedColumns, "logged_models AS t",
                  fmt::format("t.deleted = 0 AND t.experiment IN ({})", experiments_of(request))},
                 "models", [&](const store::Statement& row) {
                   return document_of(session.db, read_logged(row));
                 });
}

json set_logged_model_tags(const Session& session, const Fields& request) {
  const LoggedModel model = model_of_path(session, request);
  put_pairs(session, "logged_model_tags", model.key, request, "tags", kMostTag);
  return updated(session, model);
}

json delete_logged_model_tag(const Session& session, const Fields& request) {
  const LoggedModel model = model_of_path(session, request);
  const std::string key = request.required("tag_key", kMostKey);
  if (!remove_pair(session.db, "logged_model_tags", model.key, key))
    refuse(Code::does_not_exist, fmt::format("model {} has no tag '{}'", model.id, key));
  updated(session, model);
  return json::object();
}

json log_logged_model_params(const Session& session, const Fields& request) {
  const LoggedModel model = model_of_path(session, request);
  put_pairs(session, "logged_model_params", model.key, request, "params", kMostParameter);
  updated(session, model);
  return json::object();
}

json list_logged_model_artifacts(const Session& session, const Fields& request) {
  return list_below(session, model_of_path(session, request).artifact_uri,
                    request.text("artifact_directory_path"));
}

json log_outputs(const Session& session, const Fields& request) {
  put_run_models(session, active_run_of(session, request), request, true);
  return json::object();
}

}  // namespace scanflow::track
