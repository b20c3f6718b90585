#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "engine/store/happenings.hpp"
#include "engine/track/logging.hpp"

namespace scanflow::track {
namespace {

constexpr std::int64_t kMostRuns = 50'000, kFewRuns = 1000;
constexpr std::array kStatuses{"RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"};

const Searchable& runs() {
  using Type = Attribute::Type;
  static const Searchable all{"runs",
                              {{"run_id", "t.id"},
                               {"run_name", "t.name"},
                               {"status", "t.status"},
                               {"user_id", "t.user"},
                               {"artifact_uri", "t.artifact_uri"},
                               {"start_time", "t.started_ms", Type::number},
                               {"end_time", "t.ended_ms", Type::number},
                               // As the page of MLflow calls them.
                               {"created", "t.started_ms", Type::number},
                               {"Created", "t.started_ms", Type::number},
                               {"run name", "t.name"},
                               {"Run name", "t.name"},
                               {"Run Name", "t.name"}},
                              {Entity::metric, Entity::parameter, Entity::tag, Entity::dataset}};
  return all;
}

std::string status_of(const Fields& request, std::string otherwise) {
  std::string status = request.text("status", std::move(otherwise));
  if (status == "1" || status == "2" || status == "3" || status == "4" || status == "5")
    status = kStatuses[static_cast<std::size_t>(status.front() - '1')];  // protobuf's numbers
  for (const char* each : kStatuses) {
    if (status == each) return status;
  }
  request.wrong("status", fmt::format("is '{}', and must be one of {}", status.substr(0, 50),
                                      fmt::join(kStatuses, ", ")));
}

bool goes_on(const std::string& status) { return status == "RUNNING" || status == "SCHEDULED"; }

}  // namespace

json create_run(const Session& session, const Fields& request) {
  RunRow run;
  run.experiment = request.has("experiment_id") ? experiment_of(session, request) : 0;
  const auto location = session.db.one<std::string>(
      "SELECT artifact_location FROM experiments WHERE key = ? AND deleted = 0", run.experiment);
  if (!location)
    refuse(Code::invalid,
           fmt::format("experiment {} is deleted: restore it first", run.experiment));
  const auto tags = request.pairs("tags", kMostName, kMostTag);
  run.id = session.new_id();
  run.name = request.limited("run_name", kMostTag);
  for (const auto& [name, value] : tags) {
    if (name != kRunNameTag) continue;
    if (!run.name.empty() && run.name != value) {
      refuse(Code::invalid, fmt::format("'run_name' is '{}', and the tag {} is '{}': say one",
                                        run.name, kRunNameTag, value));
    }
    run.name = value;
  }
  if (run.name.empty()) run.name = "run-" + run.id.substr(0, 8);
  run.user = request.limited("user_id", kMostName);
  run.status = "RUNNING";
  run.started_ms = request.number("start_time").value_or(session.now_ms);
  run.artifact_uri = fmt::format("{}/{}/artifacts", *location, run.id);
  session.db.change(
      "INSERT INTO tracked_runs (id, experiment, name, user, status, started_ms, artifact_uri) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)",
      run.id, run.experiment, run.name, run.user, run.status, run.started_ms, run.artifact_uri);
  run.key = session.db.last_key();
  for (const auto& [name, value] : tags) put_tag(session, run, name, value);
  put_tag(session, run, kRunNameTag, run.name);
  return {{"run", RunReader(session.db).whole(run)}};
}

json get_run(const Session& session, const Fields& request) {
  return {{"run", RunReader(session.db).whole(run_of(session, request))}};
}

json search_runs(const Session& session, const Fields& request) {
  const Search search = search_of(request, runs(), {"tracked_tags", "tracked_params", "series"},
                                  {kMostRuns, kFewRuns}, "t.started_ms DESC, t.id");
  RunReader reader(session.db);
  return page_of(session.db, search,
                 {kRunColumns, "tracked_runs AS t",
                  fmt::format("t.experiment IN ({}) AND {}", experiments_of(request),
                              lifecycle_of(request, "run_view_type"))},
                 "runs", [&](const store::Statement& row) { return reader.whole(read_run(row)); });
}

json update_run(const Session& session, const Fields& request) {
  RunRow run = active_run_of(session, request);
  const bool went_on = goes_on(run.status);
  run.status = status_of(request, run.status);
  if (request.has("end_time")) run.ended_ms = request.number("end_time");
  session.db.change("UPDATE tracked_runs SET status = ? WHERE key = ?", run.status, run.key);
  if (run.ended_ms)
    session.db.change("UPDATE tracked_runs SET ended_ms = ? WHERE key = ?", *run.ended_ms, run.key);
  if (const std::string name = request.limited("run_name", kMostTag); !name.empty()) {
    run.name = name;
    put_tag(session, run, kRunNameTag, name);
  }
  if (went_on && !goes_on(run.status))
    Db::whole(store::tell_tracked_run(session.db.connection(), run.key, session.now_ms * 1000));
  return {{"run_info", info_of(run)}};
}

json delete_run(const Session& session, const Fields& request) {
  const RunRow run = active_run_of(session, request);
  session.db.change("UPDATE tracked_runs SET deleted = 1 WHERE key = ?", run.key);
  return json::object();
}

json restore_run(const Session& session, const Fields& request) {
  const RunRow run = run_of(session, request);
  if (run.deleted == 0) refuse(Code::invalid, fmt::format("run {} is not deleted", run.id));
  if (*session.db.one<bool>("SELECT deleted FROM experiments WHERE key = ?", run.experiment)) {
    refuse(Code::invalid,
           fmt::format("experiment {} is deleted: restore it first", run.experiment));
  }
  session.db.change("UPDATE tracked_runs SET deleted = 0 WHERE key = ?", run.key);
  return json::object();
}

}  // namespace scanflow::track
