// What was asked of running steps, and the terms of the hubs that told them.
#include <fmt/format.h>

#include "engine/store/execute.hpp"
#include "engine/store/store_impl.hpp"

namespace scanflow::store {
namespace {

/// `condition`: of the rows. What was asked of an injected Pod is of no run: the Pod's uid stands for it.
template <class... Values>
Result<std::vector<CommandRow>> read_commands(const Connection& connection, const char* condition,
                                              const Values&... values) {
  const std::string sql = fmt::format(
      "SELECT commands.id, coalesce(runs.id, sidecar_pod), step, attempt, primitive, arguments, "
      "generation, asked_by, issued_us, deadline_us, sidecar_user, sidecar_pod, outcome, message, "
      "evidence, started_us, commands.ended_us FROM commands LEFT JOIN runs ON runs.key = "
      "commands.run WHERE (runs.key IS NOT NULL OR commands.run = 0) AND {} "
      "ORDER BY issued_us, generation, commands.id",
      condition);
  return collect<CommandRow>(
      connection, sql.c_str(),
      [](const Statement& columns, CommandRow& row) {
        columns.read(row.id, row.run, row.step, row.attempt, row.primitive, row.arguments,
                     row.generation, row.by, row.issued_us, row.deadline_us, row.user, row.pod_uid,
                     row.outcome, row.message, row.evidence, row.started_us, row.ended_us);
      },
      values...);
}

}  // namespace

Result<std::vector<CommandRow>> Store::commands(const std::string& run) const {
  return impl_->readers.use(
      [&](const Connection& connection) { return read_commands(connection, "runs.id = ?1", run); });
}

Result<std::optional<CommandRow>> Store::command(const std::string& id) const {
  auto rows = impl_->readers.use([&](const Connection& connection) {
    return read_commands(connection, "commands.id = ?1", id);
  });
  if (!rows) return tl::unexpected(rows.error());
  return rows->empty() ? std::nullopt : std::optional(std::move(rows->front()));
}

Result<std::vector<CommandRow>> Store::open_commands() const {
  return impl_->readers.use(
      [](const Connection& connection) { return read_commands(connection, "outcome = ''"); });
}

Result<std::uint64_t> Store::next_term() {
  std::uint64_t term = 0;
  const auto taken = impl_->write([&term](Connection& connection) -> Result<void> {
    const auto terms = collect_column<std::uint64_t>(
        connection,
        "UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'term' RETURNING value");
    if (!terms) return tl::unexpected(terms.error());
    if (terms->empty()) return fail("the database has lost the number of its last hub");
    term = terms->front();
    return {};
  });
  if (!taken) return tl::unexpected(taken.error());
  return term;
}

}  // namespace scanflow::store
