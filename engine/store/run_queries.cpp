#include "engine/store/run_queries.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/store/execute.hpp"

namespace scanflow::store {
namespace {

constexpr const char* kColumns =
    "id, pipeline, namespace, status, file, backend, summary, created_us, ended_us, steps, done, "
    "failed, labels, parent, parent_step, retry_of, started_by, concurrency_group, digest, "
    "version, priority, events";

void read_run(const Statement& columns, RunRow& run) {
  columns.read(run.id, run.pipeline, run.name_space, run.status, run.file, run.backend, run.summary,
               run.created_us, run.ended_us, run.steps, run.done, run.failed, run.labels,
               run.parent, run.parent_step, run.retry_of, run.trigger, run.group, run.digest,
               run.version, run.priority, run.events);
}

/// Conditions that must all hold.
class Conditions {
 public:
  /// The column of the first call is looked up in its index, which also gives the order of time.
  /// The others are kept from theirs (a '+' does that): SQLite would have to guess which is best.
  void equal(std::string_view column, const std::string& value) {
    add(fmt::format("{}{} = ?", parameters_.empty() ? "" : "+", column), {value});
  }
  void add(std::string_view condition, std::vector<Parameter> parameters) {
    text_ += fmt::format("{}{}", text_.empty() ? " WHERE " : " AND ", condition);
    for (Parameter& each : parameters) parameters_.push_back(std::move(each));
  }
  RunQuery query(std::size_t limit) && {
    const auto most = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
    parameters_.emplace_back(static_cast<std::int64_t>(std::min(limit, most)));
    return {fmt::format("SELECT {} FROM runs{} ORDER BY created_us DESC, id DESC LIMIT ?", kColumns,
                        text_),
            std::move(parameters_)};
  }

 private:
  std::string text_;
  std::vector<Parameter> parameters_;
};

void add_statuses(Conditions& conditions, const std::vector<std::string>& statuses) {
  std::string marks;
  std::vector<Parameter> parameters;
  for (const std::string& status : statuses) {
    marks += marks.empty() ? "?" : ", ?";
    parameters.emplace_back(status);
  }
  conditions.add(fmt::format("+status IN ({})", marks), std::move(parameters));
}

}  // namespace

RunQuery query_of(const RunFilter& filter) {
  const bool called = filter.children_of && !filter.children_of->empty();
  const std::vector<std::string>& statuses = filter.statuses;
  Conditions conditions;  // what leaves the fewest runs first
  if (called) conditions.equal("parent", *filter.children_of);
  if (filter.pipeline) conditions.equal("pipeline", *filter.pipeline);
  if (filter.name_space) conditions.equal("namespace", *filter.name_space);
  if (statuses.size() == 1) conditions.equal("status", statuses.front());
  if (filter.children_of && !called) conditions.equal("parent", "");
  if (statuses.size() > 1) add_statuses(conditions, statuses);
  if (filter.since_us > 0) conditions.add("created_us >= ?", {filter.since_us});
  if (filter.before_us > 0) conditions.add("created_us < ?", {filter.before_us});
  if (filter.after) {
    const std::int64_t time = filter.after->created_us;
    conditions.add("created_us <= ? AND (created_us < ? OR id < ?)",
                   {time, time, filter.after->id});
  }
  return std::move(conditions)
      .query(filter.labels.empty() ? filter.limit : std::numeric_limits<std::size_t>::max());
}

RunQuery unfinished_query() {
  return {fmt::format("SELECT {} FROM runs WHERE ended_us = 0 ORDER BY created_us, id", kColumns),
          {}};
}

Result<std::vector<RunRow>> read_runs(const Connection& connection, const RunFilter& filter) {
  const RunQuery query = query_of(filter);
  auto statement = Statement::prepare(connection, query.sql.c_str());
  if (!statement) return tl::unexpected(statement.error());
  std::vector<RunRow> runs;
  statement->bind_all(query.parameters);
  while (runs.size() < filter.limit && statement->next()) {
    RunRow run;
    read_run(*statement, run);
    if (filter.labels.empty() || filter.labels.matches(labels_of(run.labels))) {
      runs.push_back(std::move(run));
    }
  }
  if (!statement->ok()) return tl::unexpected(connection.error("cannot read"));
  return runs;
}

Result<std::vector<RunRow>> read_unfinished(const Connection& connection) {
  return collect<RunRow>(connection, unfinished_query().sql.c_str(), read_run);
}

Result<std::vector<RunRow>> read_runs_like(const Connection& connection,
                                           const std::string& prefix) {
  const std::string sql = fmt::format(
      "SELECT {} FROM runs WHERE id >= ?1 AND id < ?1 || char(0x10ffff)"
      " ORDER BY created_us DESC, id DESC",
      kColumns);
  return collect<RunRow>(connection, sql.c_str(), read_run, prefix);
}

Result<std::vector<std::string>> read_runs_to_retire(const Connection& connection,
                                                     const Retention& retention) {
  return collect_column<std::string>(
      connection,
      "SELECT id FROM (SELECT id, created_us, ended_us,"
      "  row_number() OVER (ORDER BY created_us DESC, id DESC) AS place FROM runs"
      "  WHERE pipeline = ?1 AND +namespace = ?2 AND +parent = '' AND ended_us > 0) "
      "WHERE (?3 > 0 AND place > ?3) OR ended_us < ?4 ORDER BY created_us, id",
      retention.pipeline, retention.name_space, retention.keep_count, retention.ended_before_us);
}

Labels labels_of(const std::string& json) {
  Labels labels;
  if (json.empty()) return labels;
  const auto document = nlohmann::json::parse(json, nullptr, false);
  if (!document.is_object()) return labels;
  for (const auto& [key, value] : document.items()) {
    if (value.is_string()) labels.emplace(key, value.get<std::string>());
  }
  return labels;
}

}  // namespace scanflow::store
