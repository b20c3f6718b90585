#include "engine/track/model_rows.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <optional>
#include <set>

#include "engine/track/artifact_files.hpp"
#include "engine/track/filter_tokens.hpp"

namespace scanflow::track {
namespace {

constexpr std::array kStages{"None", "Staging", "Production", "Archived"};

json aliases_of(const Db& db, std::int64_t model, std::int64_t version) {
  json all = json::array();
  db.each(
      "SELECT alias FROM model_aliases WHERE owner = ? AND version = ? ORDER BY alias",
      [&](const store::Statement& row) { all.push_back(row.column<std::string>(0)); }, model,
      version);
  return all;
}

}  // namespace

const char* const kModelColumns = "t.key, t.name, t.description, t.created_ms, t.updated_ms";
const char* const kVersionColumns =
    "t.key, t.owner, m.name, t.version, t.description, t.user, t.stage, t.source, t.run_id, "
    "t.run_link, t.status, t.status_message, t.created_ms, t.updated_ms, t.sha256, t.run, t.step, "
    "t.metrics, t.lineage, t.model_id";
const char* const kVersionTables =
    "model_versions AS t JOIN registered_models AS m ON m.key = t.owner";

ModelRow read_model(const store::Statement& columns) {
  ModelRow model;
  columns.read(model.key, model.name, model.description, model.created_ms, model.updated_ms);
  return model;
}

VersionRow read_version(const store::Statement& columns) {
  VersionRow row;
  columns.read(row.key, row.owner, row.name, row.version, row.description, row.user, row.stage,
               row.source, row.run_id, row.run_link, row.status, row.status_message, row.created_ms,
               row.updated_ms, row.sha256, row.run, row.step, row.metrics, row.lineage,
               row.model_id);
  return row;
}

ModelRow model_of(const Session& session, const Fields& request) {
  const std::string name = request.required("name", kMostName);
  std::optional<ModelRow> found;
  session.db.each(
      fmt::format("SELECT {} FROM registered_models AS t WHERE name = ?", kModelColumns).c_str(),
      [&](const store::Statement& row) { found = read_model(row); }, name);
  if (!found) refuse(Code::does_not_exist, fmt::format("there is no registered model '{}'", name));
  return std::move(*found);
}

VersionRow version_of(const Session& session, const ModelRow& model, std::int64_t version) {
  std::optional<VersionRow> found;
  session.db.each(
      fmt::format("SELECT {} FROM {} WHERE t.owner = ? AND t.version = ?", kVersionColumns,
                  kVersionTables)
          .c_str(),
      [&](const store::Statement& row) { found = read_version(row); }, model.key, version);
  if (!found)
    refuse(Code::does_not_exist, fmt::format("model '{}' has no version {}", model.name, version));
  return std::move(*found);
}

VersionRow version_of(const Session& session, const Fields& request) {
  const ModelRow model = model_of(session, request);
  const auto version = request.number("version");
  if (!version) request.wrong("version", "is missing");
  return version_of(session, model, *version);
}

json document_of(const Db& db, const VersionRow& row) {
  json version = {{"name", row.name},
                  {"version", std::to_string(row.version)},
                  {"creation_timestamp", row.created_ms},
                  {"last_updated_timestamp", row.updated_ms},
                  {"user_id", row.user},
                  {"current_stage", row.stage},
                  {"description", row.description},
                  {"source", source_of(row)},
                  {"run_id", row.run_id},
                  {"run_link", row.run_link},
                  {"status", row.status},
                  {"status_message", row.status_message},
                  {"tags", pairs_of(db, "model_version_tags", row.key)},
                  {"aliases", aliases_of(db, row.owner, row.version)}};
  if (!row.model_id.empty()) version["model_id"] = row.model_id;
  if (row.sha256.empty()) return version;
  const auto object = [](const std::string& text) {
    json parsed = json::parse(text, nullptr, false);
    return parsed.is_object() ? parsed : json::object();
  };
  version["scanflow"] = {{"sha256", row.sha256},
                         {"run", row.run},
                         {"step", row.step},
                         {"metrics", object(row.metrics)},
                         {"lineage", object(row.lineage)}};
  return version;
}

json latest_versions(const Db& db, std::int64_t model, const std::vector<std::string>& stages) {
  std::vector<VersionRow> all;
  std::set<std::string> seen;
  db.each(
      fmt::format("SELECT {} FROM {} WHERE t.owner = ? ORDER BY t.version DESC", kVersionColumns,
                  kVersionTables)
          .c_str(),
      [&](const store::Statement& row) {
        VersionRow version = read_version(row);
        if (seen.insert(version.stage).second) all.push_back(std::move(version));
      },
      model);
  json latest = json::array();
  for (const VersionRow& each : all) {
    if (stages.empty() || std::find(stages.begin(), stages.end(), each.stage) != stages.end())
      latest.push_back(document_of(db, each));
  }
  return latest;
}

json document_of(const Db& db, const ModelRow& model) {
  json aliases = json::array();
  db.each(
      "SELECT alias, version FROM model_aliases WHERE owner = ? ORDER BY alias",
      [&](const store::Statement& row) {
        aliases.push_back({{"alias", row.column<std::string>(0)},
                           {"version", std::to_string(row.column<std::int64_t>(1))}});
      },
      model.key);
  return {{"name", model.name},
          {"creation_timestamp", model.created_ms},
          {"last_updated_timestamp", model.updated_ms},
          {"description", model.description},
          {"latest_versions", latest_versions(db, model.key, {})},
          {"tags", pairs_of(db, "registered_model_tags", model.key)},
          {"aliases", std::move(aliases)}};
}

void touch_model(const Session& session, std::int64_t key) {
  session.db.change("UPDATE registered_models SET updated_ms = ? WHERE key = ?", session.now_ms,
                    key);
}

std::string stage_of(const Fields& request, const char* name, const std::string& stage) {
  for (const char* each : kStages) {
    if (equal_words(stage, each)) return each;
  }
  request.wrong(name, fmt::format("is '{}', and must be one of {}", stage.substr(0, 50),
                                  fmt::join(kStages, ", ")));
}

}  // namespace scanflow::track
