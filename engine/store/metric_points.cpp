#include "engine/store/metric_points.hpp"

#include <cmath>
#include <utility>

namespace scanflow::store {

Result<MetricPoints> MetricPoints::prepare(const Connection& connection) {
  MetricPoints points;
  const std::pair<Statement*, const char*> statements[] = {
      {&points.find_, "SELECT key FROM series WHERE owner = ?1 AND metric = ?2 AND labels = ?3"},
      {&points.begin_,
       "INSERT INTO series (owner, name, metric, labels, step, time_us, value) VALUES (?1, ?2, ?3, "
       "?4, ?5, ?6, ?7)"},
      {&points.latest_,
       "UPDATE series SET step = ?2, time_us = ?3, value = ?4 WHERE key = ?1 AND (step, time_us, "
       "ifnull(value, -1e999)) < (?2, ?3, ifnull(?4, -1e999))"},
      {&points.add_, "INSERT OR IGNORE INTO points VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = Statement::prepare(connection, sql);
    if (!prepared) return tl::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return points;
}

Result<std::int64_t> MetricPoints::series(const Connection& connection, std::int64_t owner,
                                          const SeriesName& name, const MetricPoint& first) {
  std::int64_t key = 0;
  find_.bind(owner, name.metric, name.labels);
  while (find_.next()) key = find_.column<std::int64_t>(0);
  if (find_.ok() && key != 0) return key;
  if (!find_.ok() ||
      !begin_
           .bind(owner, name.name, name.metric, name.labels, first.step, first.time_us, first.value)
           .run())
    return tl::unexpected(connection.error("cannot write a metric to"));
  return sqlite3_last_insert_rowid(connection.handle());
}

Result<void> MetricPoints::add(const Connection& connection, std::int64_t series,
                               const MetricPoint& point) {
  const bool no_number = std::isnan(point.value);
  if (latest_.bind(series, point.step, point.time_us, point.value).run() &&
      add_.bind(series, point.time_us, point.step, no_number ? 0.0 : point.value, no_number,
                point.number)
          .run())
    return {};
  return tl::unexpected(connection.error("cannot write a metric to"));
}

}  // namespace scanflow::store
