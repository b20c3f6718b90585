#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "engine/track/calls.hpp"

namespace scanflow::track {
namespace {

constexpr std::int64_t kDefault = 0;
constexpr std::int64_t kMostExperiments = 50'000, kFewExperiments = 1000;

const Searchable& experiments() {
  static const Searchable all{"experiments",
                              {{"name", "t.name"},
                               {"experiment_id", "t.key", Attribute::Type::number},
                               {"creation_time", "t.created_ms", Attribute::Type::number},
                               {"last_update_time", "t.updated_ms", Attribute::Type::number}},
                              {Entity::tag}};
  return all;
}

constexpr const char* kColumns =
    "t.key, t.name, t.artifact_location, t.deleted, t.created_ms, t.updated_ms";

json read_experiment(const Db& db, const store::Statement& columns) {
  std::int64_t key = 0, created_ms = 0, updated_ms = 0;
  std::string name, location;
  bool deleted = false;
  columns.read(key, name, location, deleted, created_ms, updated_ms);
  return {{"experiment_id", std::to_string(key)},
          {"name", name},
          {"artifact_location", location},
          {"lifecycle_stage", deleted ? "deleted" : "active"},
          {"creation_time", created_ms},
          {"last_update_time", updated_ms},
          {"tags", pairs_of(db, "experiment_tags", key)}};
}

json experiment(const Session& session, std::int64_t key) {
  json found;
  session.db.each(
      fmt::format("SELECT {} FROM experiments AS t WHERE key = ?", kColumns).c_str(),
      [&](const store::Statement& row) { found = read_experiment(session.db, row); }, key);
  return found;
}

/// Whoever has the name, deleted or not.
void check_name(const Session& session, const std::string& name) {
  const auto deleted = session.db.one<bool>("SELECT deleted FROM experiments WHERE name = ?", name);
  if (!deleted) return;
  refuse(Code::exists_already,
         fmt::format("the experiment '{}' exists already{}", name,
                     *deleted ? ", and is deleted: restore it, or choose another name" : ""));
}

std::int64_t active_experiment_of(const Session& session, const Fields& request) {
  const std::int64_t key = experiment_of(session, request);
  if (*session.db.one<bool>("SELECT deleted FROM experiments WHERE key = ?", key))
    refuse(Code::invalid, fmt::format("experiment {} is deleted: restore it first", key));
  return key;
}

void touch(const Session& session, std::int64_t key) {
  session.db.change("UPDATE experiments SET updated_ms = ? WHERE key = ?", session.now_ms, key);
}

}  // namespace

std::int64_t experiment_of(const Session& session, const Fields& request) {
  const std::string id = request.required("experiment_id", kMostName);
  std::int64_t key = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), key);
  const bool number = error == std::errc() && end == id.data() + id.size();
  if (!number || !session.db.one<std::int64_t>("SELECT 1 FROM experiments WHERE key = ?", key))
    refuse(Code::does_not_exist, fmt::format("there is no experiment with id '{}'", id));
  return key;
}

std::string experiments_of(const Fields& request) {
  std::vector<std::string> all;
  for (const std::string& text : request.texts("experiment_ids")) {
    std::int64_t key = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), key);
    if (error == std::errc() && end == text.data() + text.size())
      all.push_back(std::to_string(key));  // no other can be there
  }
  return fmt::format("{}", fmt::join(all, ", "));
}

json create_experiment(const Session& session, const Fields& request) {
  const std::string name = request.required("name", kMostName);
  check_name(session, name);
  session.db.change(
      "INSERT INTO experiments (name, artifact_location, created_ms, updated_ms) "
      "VALUES (?, ?, ?, ?)",
      name, request.limited("artifact_location", kMostTag), session.now_ms, session.now_ms);
  const std::int64_t key = session.db.last_key();
  session.db.change(
      "UPDATE experiments SET artifact_location = ? WHERE key = ? AND artifact_location = ''",
      fmt::format("mlflow-artifacts:/{}", key), key);
  for (const auto& [tag, value] : request.pairs("tags", 100, kMostTag))
    put_pair(session.db, "experiment_tags", key, tag, value);
  return {{"experiment_id", std::to_string(key)}};
}

json get_experiment(const Session& session, const Fields& request) {
  return {{"experiment", experiment(session, experiment_of(session, request))}};
}

json get_experiment_by_name(const Session& session, const Fields& request) {
  const std::string name = request.required("experiment_name", kMostName);
  const auto key = session.db.one<std::int64_t>("SELECT key FROM experiments WHERE name = ?", name);
  if (!key) refuse(Code::does_not_exist, fmt::format("there is no experiment '{}'", name));
  return {{"experiment", experiment(session, *key)}};
}

json search_experiments(const Session& session, const Fields& request) {
  const Search search = search_of(request, experiments(), {"experiment_tags", "", ""},
                                  {kMostExperiments, kFewExperiments}, "t.created_ms DESC, t.key");
  return page_of(session.db, search,
                 {kColumns, "experiments AS t", lifecycle_of(request, "view_type")}, "experiments",
                 [&](const store::Statement& row) { return read_experiment(session.db, row); });
}

json update_experiment(const Session& session, const Fields& request) {
  const std::int64_t key = active_experiment_of(session, request);
  if (request.has("new_name")) {
    const std::string name = request.required("new_name", kMostName);
    if (session.db.one<std::string>("SELECT name FROM experiments WHERE key = ?", key) != name)
      check_name(session, name);
    session.db.change("UPDATE experiments SET name = ? WHERE key = ?", name, key);
    touch(session, key);
  }
  return json::object();
}

json delete_experiment(const Session& session, const Fields& request) {
  const std::int64_t key = active_experiment_of(session, request);
  if (key == kDefault)
    refuse(Code::invalid, "the experiment 'Default' (0) is where runs go that name none: it stays");
  session.db.change("UPDATE experiments SET deleted = 1, updated_ms = ? WHERE key = ?",
                    session.now_ms, key);
  session.db.change("UPDATE tracked_runs SET deleted = 2 WHERE experiment = ? AND deleted = 0",
                    key);
  return json::object();
}

json restore_experiment(const Session& session, const Fields& request) {
  const std::int64_t key = experiment_of(session, request);
  session.db.change("UPDATE experiments SET deleted = 0, updated_ms = ? WHERE key = ?",
                    session.now_ms, key);
  session.db.change("UPDATE tracked_runs SET deleted = 0 WHERE experiment = ? AND deleted = 2",
                    key);
  return json::object();
}

json set_experiment_tag(const Session& session, const Fields& request) {
  const std::int64_t key = active_experiment_of(session, request);
  put_pair(session.db, "experiment_tags", key, request.required("key", kMostKey),
           request.limited("value", kMostTag));
  touch(session, key);
  return json::object();
}

json delete_experiment_tag(const Session& session, const Fields& request) {
  const std::int64_t key = active_experiment_of(session, request);
  const std::string name = request.required("key", kMostKey);
  if (!remove_pair(session.db, "experiment_tags", key, name))
    refuse(Code::does_not_exist, fmt::format("experiment {} has no tag '{}'", key, name));
  touch(session, key);
  return json::object();
}

}  // namespace scanflow::track
