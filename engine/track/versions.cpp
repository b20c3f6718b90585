// Versions of registered models.
#include <fmt/format.h>

#include "engine/store/happenings.hpp"
#include "engine/track/artifact_files.hpp"
#include "engine/track/logged_models.hpp"

namespace scanflow::track {
namespace {

constexpr std::int64_t kMostVersions = 200'000, kFewVersions = 10'000;

const Searchable& versions() {
  using Type = Attribute::Type;
  static const Searchable all{"model versions",
                              {{"name", "m.name"},
                               {"version_number", "t.version", Type::number},
                               {"run_id", "t.run_id"},
                               {"source_path", "t.source"},
                               {"current_stage", "t.stage"},
                               {"creation_timestamp", "t.created_ms", Type::number},
                               {"last_updated_timestamp", "t.updated_ms", Type::number}},
                              {Entity::tag}};
  return all;
}

json changed(const Session& session, const Fields& request) {
  const VersionRow version = version_of(session, request);
  session.db.change("UPDATE model_versions SET updated_ms = ? WHERE key = ?", session.now_ms,
                    version.key);
  touch_model(session, version.owner);
  return {{"model_version", document_of(session.db, version_of(session, request))}};
}

}  // namespace

json create_model_version(const Session& session, const Fields& request) {
  const ModelRow model = model_of(session, request);
  const std::string source = request.required("source", kMostTag);
  const std::int64_t number = *session.db.one<std::int64_t>(
      "UPDATE registered_models SET last_version = last_version + 1, updated_ms = ? WHERE key = ? "
      "RETURNING last_version",
      session.now_ms, model.key);
  session.db.change(
      "INSERT INTO model_versions (owner, version, description, user, source, run_id, run_link, "
      "created_ms, updated_ms, model_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      model.key, number, request.limited("description", kMostTag),
      request.limited("user_id", kMostName), source, request.text("run_id"),
      request.limited("run_link", kMostName), session.now_ms, session.now_ms,
      request.limited("model_id", kMostKey));
  const std::int64_t key = session.db.last_key();
  for (const auto& [tag, value] : request.pairs("tags", 100, kMostTag))
    put_pair(session.db, "model_version_tags", key, tag, value);
  Db::whole(store::tell_model_version(session.db.connection(), key, session.now_ms * 1000));
  return {{"model_version", document_of(session.db, version_of(session, model, number))}};
}

json get_model_version(const Session& session, const Fields& request) {
  return {{"model_version", document_of(session.db, version_of(session, request))}};
}

json search_model_versions(const Session& session, const Fields& request) {
  const Search search =
      search_of(request, versions(), {"model_version_tags", "", ""}, {kMostVersions, kFewVersions},
                "t.updated_ms DESC, m.name, t.version DESC");
  return page_of(
      session.db, search, {kVersionColumns, kVersionTables}, "model_versions",
      [&](const store::Statement& row) { return document_of(session.db, read_version(row)); });
}

json update_model_version(const Session& session, const Fields& request) {
  session.db.change("UPDATE model_versions SET description = ? WHERE key = ?",
                    request.limited("description", kMostTag), version_of(session, request).key);
  return changed(session, request);
}

json delete_model_version(const Session& session, const Fields& request) {
  const VersionRow version = version_of(session, request);
  session.db.change("DELETE FROM model_versions WHERE key = ?", version.key);
  session.db.change("DELETE FROM model_version_tags WHERE owner = ?", version.key);
  session.db.change("DELETE FROM model_aliases WHERE owner = ? AND version = ?", version.owner,
                    version.version);
  touch_model(session, version.owner);
  return json::object();
}

json transition_stage(const Session& session, const Fields& request) {
  const VersionRow version = version_of(session, request);
  const std::string stage = stage_of(request, "stage", request.required("stage", kMostKey));
  const std::string archive = request.flag("archive_existing_versions") ? stage : "";
  if (!archive.empty() && archive != "Staging" && archive != "Production") {
    request.wrong("archive_existing_versions",
                  fmt::format("is for Staging and Production, not for {}", stage));
  }
  session.db.change(
      "UPDATE model_versions SET stage = 'Archived', updated_ms = ? WHERE owner = ? AND stage = ? "
      "AND key != ?",
      session.now_ms, version.owner, archive, version.key);
  session.db.change("UPDATE model_versions SET stage = ? WHERE key = ?", stage, version.key);
  return changed(session, request);
}

/// A source may be a logged model: then where that lies.
json get_download_uri(const Session& session, const Fields& request) {
  const std::string source = source_of(version_of(session, request));
  constexpr std::string_view kLogged = "models:/m-";
  if (!source.starts_with(kLogged)) return {{"artifact_uri", source}};
  const std::string id = source.substr(source.find("m-"));
  return {{"artifact_uri", logged_model_of(session, id).artifact_uri}};
}

json set_model_version_tag(const Session& session, const Fields& request) {
  put_pair(session.db, "model_version_tags", version_of(session, request).key,
           request.required("key", kMostKey), request.limited("value", kMostTag));
  changed(session, request);
  return json::object();
}

json delete_model_version_tag(const Session& session, const Fields& request) {
  remove_pair(session.db, "model_version_tags", version_of(session, request).key,
              request.required("key", kMostKey));
  changed(session, request);
  return json::object();
}

}  // namespace scanflow::track
