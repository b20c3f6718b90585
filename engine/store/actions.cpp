// What was asked of objects of a cluster.
#include <fmt/format.h>

#include "engine/store/execute.hpp"
#include "engine/store/store_impl.hpp"

namespace scanflow::store {
namespace {

/// `rest`: which rows, and their order.
template <class... Values>
Result<std::vector<ActionRow>> read_actions(const Connection& connection, const char* rest,
                                            const Values&... values) {
  const std::string sql = fmt::format(
      "SELECT key, id, api_version, kind, namespace, name, primitive, arguments, digest, dry_run, "
      "asked_by, issued_us, deadline_us, outcome, message, evidence, started_us, ended_us "
      "FROM actions {}",
      rest);
  return collect<ActionRow>(
      connection, sql.c_str(),
      [](const Statement& columns, ActionRow& row) {
        columns.read(row.number, row.id, row.api_version, row.kind, row.name_space, row.name,
                     row.primitive, row.arguments, row.digest, row.dry_run, row.by, row.issued_us,
                     row.deadline_us, row.outcome, row.message, row.evidence, row.started_us,
                     row.ended_us);
      },
      values...);
}

}  // namespace

Result<std::vector<ActionRow>> Store::actions(const ActionFilter& filter) const {
  return impl_->readers.use([&](const Connection& connection) {
    return read_actions(connection,
                        "WHERE (?1 = '' OR kind = ?1) AND (?2 = '' OR namespace = ?2) "
                        "AND (?3 = '' OR name = ?3) AND (?4 = 0 OR key < ?4) "
                        "ORDER BY key DESC LIMIT ?5",
                        filter.kind, filter.name_space, filter.name, filter.before, filter.limit);
  });
}

Result<std::optional<ActionRow>> Store::action(const std::string& id) const {
  auto rows = impl_->readers.use(
      [&](const Connection& connection) { return read_actions(connection, "WHERE id = ?1", id); });
  if (!rows) return tl::unexpected(rows.error());
  return rows->empty() ? std::nullopt : std::optional(std::move(rows->front()));
}

Result<void> Store::record(const ActionRow& row) {
  return impl_->write([&row](Connection& connection) -> Result<void> {
    const auto written = change(
        connection,
        "INSERT INTO actions (id, api_version, kind, namespace, name, primitive, arguments, "
        "digest, dry_run, asked_by, issued_us, deadline_us, outcome, message, evidence, "
        "started_us, "
        "ended_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?17, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, "
        "?16) ON CONFLICT (id) DO UPDATE SET outcome = ?12, message = ?13, evidence = ?14, "
        "started_us = ?15, ended_us = ?16 WHERE outcome = ''",
        row.id, row.api_version, row.kind, row.name_space, row.name, row.primitive, row.arguments,
        row.dry_run, row.by, row.issued_us, row.deadline_us, row.outcome, row.message, row.evidence,
        row.started_us, row.ended_us, row.digest);
    if (!written) return tl::unexpected(written.error());
    const auto forgotten =
        change(connection, "DELETE FROM actions WHERE key <= (SELECT max(key) FROM actions) - ?1",
               kMostActions);
    if (!forgotten) return tl::unexpected(forgotten.error());
    return {};
  });
}

Result<void> Store::close_actions(const std::string& outcome, const std::string& message,
                                  std::int64_t now_us) {
  const auto any = impl_->readers.use([](const Connection& connection) {
    return collect_column<std::int64_t>(connection,
                                        "SELECT key FROM actions WHERE outcome = '' LIMIT 1");
  });
  if (!any) return tl::unexpected(any.error());
  if (any->empty()) return {};
  return impl_->write([&](Connection& connection) -> Result<void> {
    const auto closed = change(connection,
                               "UPDATE actions SET outcome = ?1, message = ?2, ended_us = ?3 "
                               "WHERE outcome = ''",
                               outcome, message, now_us);
    if (!closed) return tl::unexpected(closed.error());
    return {};
  });
}

}  // namespace scanflow::store
