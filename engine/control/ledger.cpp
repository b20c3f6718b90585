#include "engine/control/ledger.hpp"

#include <fmt/format.h>

#include "engine/control/tracked_decisions.hpp"
#include "engine/store/execute.hpp"
#include "engine/store/happenings.hpp"
#include "engine/store/sqlite.hpp"

namespace scanflow::control {
namespace {

using store::change;
using store::collect;
using store::Connection;
using store::Statement;

/// Whatever its texts hold: a plugin, or a program, has written them.
std::string text_of(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

constexpr const char* kDecision =
    "id, agent, rule, time_us, mode, state, reason, by, ended_us, depth, evidence, actions";

void read_decision(const Statement& columns, Decision& row) {
  std::string evidence, actions;
  columns.read(row.id, row.agent, row.rule, row.time_us, row.mode, row.state, row.reason, row.by,
               row.ended_us, row.depth, evidence, actions);
  row.evidence = json::parse(evidence, nullptr, false);
  row.actions = actions_from_json(json::parse(actions, nullptr, false));
}

void read_happening(const Statement& columns, Happening& row) {
  std::string payload;
  columns.read(row.seq, row.type, row.source, row.time_us, row.depth, payload);
  row.payload = json::parse(payload, nullptr, false);
}

Result<void> write(const Connection& connection, const Decision& row) {
  const auto changed = change(
      connection,
      "INSERT INTO decisions VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
      "ON CONFLICT (id) DO UPDATE SET state = ?6, reason = ?7, by = ?8, ended_us = ?9, "
      "evidence = ?11, actions = ?12",
      row.id, row.agent, row.rule, row.time_us, row.mode, row.state, row.reason, row.by,
      row.ended_us, row.depth, text_of(row.evidence), text_of(to_json(row.actions)));
  if (!changed) return tl::unexpected(changed.error());
  return track_decision(connection, row);
}

/// The error of any of them.
template <class... Changed>
Result<void> all_of(const Changed&... changed) {
  Result<void> result;
  ((result && !changed ? void(result = tl::unexpected(changed.error())) : void()), ...);
  return result;
}

template <class Row, class Read, class... Values>
Result<std::vector<Row>> query(const store::Store& store, const char* sql, Read fill,
                               const Values&... values) {
  Result<std::vector<Row>> rows;
  const auto read = store.read([&](const Connection& connection) -> Result<void> {
    rows = collect<Row>(connection, sql, fill, values...);
    if (!rows) return tl::unexpected(rows.error());
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  return rows;
}

Result<void> put_state(Connection& connection, const std::string& agent, const std::string& rule,
                       const RuleState& state) {
  return all_of(change(
      connection, "INSERT OR REPLACE INTO agent_rules VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
      agent, rule, state.trigger_digest, state.trigger_state, state.strategy_digest,
      state.strategy_state, state.seen, state.guard.to_json().dump()));
}

}  // namespace

Result<std::map<std::string, RuleState>> Ledger::rules(const std::string& agent) const {
  using Named = std::pair<std::string, RuleState>;
  const auto rows = query<Named>(
      store_,
      "SELECT rule, trigger_digest, trigger_state, strategy_digest, strategy_state, seen, guard "
      "FROM agent_rules WHERE agent = ?1",
      [](const Statement& columns, Named& row) {
        std::string guard;
        columns.read(row.first, row.second.trigger_digest, row.second.trigger_state,
                     row.second.strategy_digest, row.second.strategy_state, row.second.seen, guard);
        row.second.guard = GuardState::from_json(json::parse(guard, nullptr, false));
      },
      agent);
  if (!rows) return tl::unexpected(rows.error());
  return std::map<std::string, RuleState>(rows->begin(), rows->end());
}

Result<void> Ledger::keep(const std::string& agent,
                          const std::map<std::string, RuleState>& states) {
  return store_.write([&](Connection& connection) -> Result<void> {
    for (const auto& [rule, state] : states)
      if (auto kept = put_state(connection, agent, rule, state); !kept) return kept;
    return {};
  });
}

Result<std::vector<Decision>> Ledger::commit(const std::string& agent, const std::string& rule,
                                             const RuleState& state,
                                             const std::vector<Decision>& decisions) {
  const auto committed = store_.write([&](Connection& connection) -> Result<void> {
    if (auto kept = put_state(connection, agent, rule, state); !kept) return kept;
    for (const Decision& each : decisions)
      if (auto written = write(connection, each); !written) return written;
    if (decisions.empty()) return {};
    if (auto forgotten = forget_tracked(connection, kMostDecisions); !forgotten) return forgotten;
    const auto dropped = change(connection,
                                "DELETE FROM decisions WHERE ended_us > 0 AND seq <= "
                                "(SELECT max(seq) FROM decisions) - ?1",
                                kMostDecisions);
    return all_of(dropped);
  });
  if (!committed) return tl::unexpected(committed.error());
  return decisions;
}

Result<void> Ledger::keep_rules(const std::string& agent, const std::vector<std::string>& rules) {
  return store_.write([&](Connection& connection) {
    return all_of(change(connection,
                         "DELETE FROM agent_rules WHERE agent = ?1 AND rule NOT IN (SELECT value "
                         "FROM json_each(?2))",
                         agent, json(rules).dump()));
  });
}

Result<bool> Ledger::answer(const std::string& id, bool approve, const std::string& by,
                            std::int64_t now_us) {
  bool waited = false;
  const auto written = store_.write([&](Connection& connection) -> Result<void> {
    const auto changed =
        change(connection,
               "UPDATE decisions SET state = ?2, by = ?3, ended_us = ?4 WHERE id "
               "= ?1 AND state = 'waiting'",
               id, approve ? "acting" : "rejected", by, approve ? std::int64_t{0} : now_us);
    if (!changed) return tl::unexpected(changed.error());
    waited = *changed > 0;
    if (!waited || approve) return {};
    const auto rejected = collect<Decision>(
        connection, fmt::format("SELECT {} FROM decisions WHERE id = ?1", kDecision).c_str(),
        read_decision, id);
    if (!rejected) return tl::unexpected(rejected.error());
    return rejected->empty() ? Result<void>() : track_decision(connection, rejected->front());
  });
  if (!written) return tl::unexpected(written.error());
  return waited;
}

Result<std::vector<std::string>> Ledger::agents() const {
  return query<std::string>(
      store_,
      "SELECT agent FROM agent_rules UNION SELECT agent FROM paused_agents UNION SELECT agent FROM "
      "decisions WHERE ended_us = 0",
      [](const Statement& columns, std::string& agent) { columns.read(agent); });
}

Result<void> Ledger::set_evidence(const std::string& id, const json& evidence) {
  return store_.write([&](Connection& connection) {
    return all_of(change(connection, "UPDATE decisions SET evidence = ?2 WHERE id = ?1", id,
                         text_of(evidence)));
  });
}

Result<void> Ledger::update(const Decision& decision) {
  return store_.write([&](Connection& connection) { return write(connection, decision); });
}

Result<std::vector<Decision>> Ledger::decisions(const DecisionFilter& filter) const {
  const std::string sql = fmt::format(
      "SELECT {} FROM decisions WHERE (?1 = '' OR agent = ?1) AND (?2 = '' OR rule = ?2) AND "
      "(?3 = '' OR seq < (SELECT seq FROM decisions WHERE id = ?3)) {} ORDER BY seq DESC LIMIT ?4",
      kDecision, filter.only_open ? "AND ended_us = 0" : "");
  return query<Decision>(store_, sql.c_str(), read_decision, filter.agent, filter.rule,
                         filter.before, filter.limit);
}

Result<std::optional<Decision>> Ledger::decision(const std::string& id) const {
  const std::string sql =
      fmt::format("SELECT {} FROM decisions WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2", kDecision);
  const auto found = query<Decision>(store_, sql.c_str(), read_decision, id);
  if (!found) return tl::unexpected(found.error());
  if (found->size() != 1) return std::nullopt;
  return found->front();
}

Result<void> Ledger::forget(const std::string& agent, std::int64_t now_us) {
  return store_.write([&](Connection& connection) {
    return all_of(change(connection,
                         "UPDATE decisions SET state = 'abandoned', reason = 'its agent was "
                         "deleted', ended_us = ?2 WHERE agent = ?1 AND ended_us = 0",
                         agent, now_us),
                  change(connection, "DELETE FROM agent_rules WHERE agent = ?1", agent),
                  change(connection, "DELETE FROM paused_agents WHERE agent = ?1", agent));
  });
}

Result<std::int64_t> Ledger::add(const Happening& happening) {
  std::int64_t seq = 0;
  const auto written = store_.write([&](Connection& connection) -> Result<void> {
    const auto added = store::add_happening(
        connection, {happening.type, happening.source, happening.time_us, happening.depth,
                     happening.origin, text_of(happening.payload)});
    if (!added) return tl::unexpected(added.error());
    seq = *added;
    return {};
  });
  if (!written) return tl::unexpected(written.error());
  return seq;
}

Result<std::vector<Happening>> Ledger::happenings(std::int64_t after, std::size_t limit) const {
  return query<Happening>(store_,
                          "SELECT seq, type, source, time_us, depth, payload FROM happenings "
                          "WHERE seq > ?1 ORDER BY seq LIMIT ?2",
                          read_happening, after, limit);
}

Result<std::vector<Happening>> Ledger::happenings_since(std::int64_t time_us) const {
  return query<Happening>(store_,
                          "SELECT seq, type, source, time_us, depth, payload FROM happenings "
                          "WHERE time_us >= ?1 ORDER BY seq",
                          read_happening, time_us);
}

Result<std::int64_t> Ledger::newest() const {
  const auto rows =
      query<std::int64_t>(store_, "SELECT coalesce(max(seq), 0) FROM happenings",
                          [](const Statement& columns, std::int64_t& seq) { columns.read(seq); });
  if (!rows) return tl::unexpected(rows.error());
  return rows->empty() ? 0 : rows->front();
}

Result<std::map<std::string, std::string>> Ledger::paused() const {
  using Named = std::pair<std::string, std::string>;
  const auto rows = query<Named>(
      store_, "SELECT agent, by FROM paused_agents",
      [](const Statement& columns, Named& row) { columns.read(row.first, row.second); });
  if (!rows) return tl::unexpected(rows.error());
  return std::map<std::string, std::string>(rows->begin(), rows->end());
}

Result<void> Ledger::pause(const std::string& agent, const std::string& by, std::int64_t now_us) {
  return store_.write([&](Connection& connection) {
    return all_of(change(connection, "INSERT OR REPLACE INTO paused_agents VALUES (?1, ?2, ?3)",
                         agent, by, now_us));
  });
}

Result<void> Ledger::resume(const std::string& agent) {
  return store_.write([&](Connection& connection) {
    return all_of(change(connection, "DELETE FROM paused_agents WHERE agent = ?1", agent));
  });
}

}  // namespace scanflow::control
