// Registered models, their tags and aliases.
#include <fmt/format.h>

#include <algorithm>

#include "engine/store/happenings.hpp"
#include "engine/track/filter_tokens.hpp"
#include "engine/track/model_rows.hpp"

namespace scanflow::track {
namespace {

constexpr std::int64_t kMostModels = 1000, kFewModels = 100;

const Searchable& models() {
  using Type = Attribute::Type;
  static const Searchable all{"registered models",
                              {{"name", "t.name"},
                               {"timestamp", "t.updated_ms", Type::number},
                               {"last_updated_timestamp", "t.updated_ms", Type::number},
                               {"creation_timestamp", "t.created_ms", Type::number}},
                              {Entity::tag}};
  return all;
}

void check_model_name(const Session& session, const Fields& request, const char* field,
                      const std::string& name) {
  if (name.find('/') != std::string::npos || name.find(':') != std::string::npos ||
      name.find('@') != std::string::npos) {
    request.wrong(field,
                  fmt::format("is '{}': '/', ':' and '@' have a meaning in models:/NAME@ALIAS",
                              name.substr(0, 100)));
  }
  if (session.db.one<std::int64_t>("SELECT 1 FROM registered_models WHERE name = ?", name))
    refuse(Code::exists_already, fmt::format("the registered model '{}' exists already", name));
}

/// One that models:/NAME@ALIAS can mean.
std::string alias_of(const Fields& request) {
  std::string alias = request.required("alias", kMostKey);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool known = std::all_of(alias.begin(), alias.end(), [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
  });
  if (!known) request.wrong("alias", "has other characters than letters, digits, '_' and '-'");
  if ((alias[0] == 'v' || alias[0] == 'V') && alias.size() > 1 &&
      std::all_of(alias.begin() + 1, alias.end(), is_digit))
    request.wrong("alias", "looks like a version: choose another name");
  if (equal_words(alias, "latest"))
    request.wrong("alias", "is 'latest', which is the newest version already");
  return alias;
}

}  // namespace

json create_registered_model(const Session& session, const Fields& request) {
  const std::string name = request.required("name", kMostName);
  check_model_name(session, request, "name", name);
  session.db.change(
      "INSERT INTO registered_models (name, description, created_ms, updated_ms) VALUES (?, ?, ?, "
      "?)",
      name, request.limited("description", kMostTag), session.now_ms, session.now_ms);
  const std::int64_t key = session.db.last_key();
  for (const auto& [tag, value] : request.pairs("tags", 100, kMostTag))
    put_pair(session.db, "registered_model_tags", key, tag, value);
  return {{"registered_model", document_of(session.db, model_of(session, request))}};
}

json get_registered_model(const Session& session, const Fields& request) {
  return {{"registered_model", document_of(session.db, model_of(session, request))}};
}

json search_registered_models(const Session& session, const Fields& request) {
  const Search search = search_of(request, models(), {"registered_model_tags", "", ""},
                                  {kMostModels, kFewModels}, "t.name");
  return page_of(
      session.db, search, {kModelColumns, "registered_models AS t"}, "registered_models",
      [&](const store::Statement& row) { return document_of(session.db, read_model(row)); });
}

json rename_registered_model(const Session& session, const Fields& request) {
  ModelRow model = model_of(session, request);
  const std::string name = request.required("new_name", kMostName);
  check_model_name(session, request, "new_name", name);
  session.db.change("UPDATE registered_models SET name = ?, updated_ms = ? WHERE key = ?", name,
                    session.now_ms, model.key);
  model.name = name;
  model.updated_ms = session.now_ms;
  return {{"registered_model", document_of(session.db, model)}};
}

json update_registered_model(const Session& session, const Fields& request) {
  ModelRow model = model_of(session, request);
  model.description = request.limited("description", kMostTag);
  model.updated_ms = session.now_ms;
  session.db.change("UPDATE registered_models SET description = ?, updated_ms = ? WHERE key = ?",
                    model.description, model.updated_ms, model.key);
  return {{"registered_model", document_of(session.db, model)}};
}

json delete_registered_model(const Session& session, const Fields& request) {
  const ModelRow model = model_of(session, request);
  session.db.change(
      "DELETE FROM model_version_tags WHERE owner IN (SELECT key FROM model_versions WHERE owner = "
      "?)",
      model.key);
  for (const char* sql :
       {"DELETE FROM model_versions WHERE owner = ?", "DELETE FROM model_aliases WHERE owner = ?",
        "DELETE FROM registered_model_tags WHERE owner = ?",
        "DELETE FROM registered_models WHERE key = ?"})
    session.db.change(sql, model.key);
  return json::object();
}

json get_latest_versions(const Session& session, const Fields& request) {
  std::vector<std::string> stages;
  for (const std::string& each : request.texts("stages"))
    stages.push_back(stage_of(request, "stages", each));
  return {{"model_versions", latest_versions(session.db, model_of(session, request).key, stages)}};
}

json set_registered_model_tag(const Session& session, const Fields& request) {
  const ModelRow model = model_of(session, request);
  put_pair(session.db, "registered_model_tags", model.key, request.required("key", kMostKey),
           request.limited("value", kMostTag));
  touch_model(session, model.key);
  return json::object();
}

/// One that is not there is no problem: clients of MLflow expect that.
json delete_registered_model_tag(const Session& session, const Fields& request) {
  const ModelRow model = model_of(session, request);
  remove_pair(session.db, "registered_model_tags", model.key, request.required("key", kMostKey));
  touch_model(session, model.key);
  return json::object();
}

json set_alias(const Session& session, const Fields& request) {
  const VersionRow version = version_of(session, request);
  const std::string alias = alias_of(request);
  const auto before = session.db.one<std::int64_t>(
      "SELECT version FROM model_aliases WHERE owner = ? AND alias = ?", version.owner, alias);
  session.db.change("INSERT OR REPLACE INTO model_aliases VALUES (?, ?, ?)", version.owner, alias,
                    version.version);
  touch_model(session, version.owner);
  if (before != version.version)
    Db::whole(store::tell_model_alias(session.db.connection(), version.owner, alias,
                                      version.version, before.value_or(0),
                                      request.text(store::kDecisionField), session.now_ms * 1000));
  return json::object();
}

json delete_alias(const Session& session, const Fields& request) {
  const ModelRow model = model_of(session, request);
  session.db.change("DELETE FROM model_aliases WHERE owner = ? AND alias = ?", model.key,
                    request.required("alias", kMostKey));
  touch_model(session, model.key);
  return json::object();
}

json get_version_by_alias(const Session& session, const Fields& request) {
  const ModelRow model = model_of(session, request);
  const std::string alias = request.required("alias", kMostKey);
  const auto version = session.db.one<std::int64_t>(
      "SELECT version FROM model_aliases WHERE owner = ? AND alias = ?", model.key, alias);
  if (!version) {
    // Clients know it by this code and these words.
    refuse(Code::invalid, fmt::format("Registered model alias {} not found.", alias));
  }
  return {{"model_version", document_of(session.db, version_of(session, model, *version))}};
}

}  // namespace scanflow::track
