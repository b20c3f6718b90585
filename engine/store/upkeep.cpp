// What is kept, and for how long: runs are deleted, cached results expire; what still refers to
// artifacts.
#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "engine/store/execute.hpp"
#include "engine/store/object_names.hpp"
#include "engine/store/run_queries.hpp"
#include "engine/store/schema.hpp"
#include "engine/store/store_impl.hpp"
#include "engine/store/tracked.hpp"

namespace scanflow::store {
namespace {

/// Rows that one piece of a longer work deletes: well under a millisecond.
constexpr std::int64_t kRows = 500;
/// Unfinished runs that a refusal names.
constexpr std::size_t kNamed = 5;

/// The runs to delete, each after those it called: killed in the middle, none is left whose caller
/// is gone, so that asking again finds it.
class Family {
 public:
  explicit Family(const Connection& connection) : connection_(connection) {}

  Result<void> add(const std::string& id) {
    if (!seen_.insert(id).second) return {};
    const auto ended =
        collect_column<std::int64_t>(connection_, "SELECT ended_us FROM runs WHERE id = ?1", id);
    if (!ended) return tl::unexpected(ended.error());
    if (ended->empty()) return {};
    const auto called =
        collect_column<std::string>(connection_, "SELECT id FROM runs WHERE parent = ?1", id);
    if (!called) return tl::unexpected(called.error());
    for (const std::string& each : *called) {
      if (auto added = add(each); !added) return added;
    }
    if (ended->front() == 0) unfinished_.push_back(id);
    members_.push_back(id);
    return {};
  }

  Result<std::vector<std::string>> members() && {
    if (unfinished_.empty()) return std::move(members_);
    std::string names;
    for (std::size_t i = 0; i < unfinished_.size() && i < kNamed; ++i) {
      names += (i > 0 ? ", " : "") + unfinished_[i];
    }
    if (unfinished_.size() > kNamed) {
      names += fmt::format(" and {} more", unfinished_.size() - kNamed);
    }
    return fail(fmt::format(
        "nothing was deleted, since not all of it has ended: {}; wait for that, or cancel it "
        "('scanflow runs resume' goes on with what nobody runs)",
        names));
  }

 private:
  const Connection& connection_;
  std::unordered_set<std::string> seen_;
  std::vector<std::string> members_, unfinished_;
};

Result<std::vector<std::string>> family_of(const Connection& connection,
                                           const std::vector<std::string>& ids) {
  Family family(connection);
  for (const std::string& id : ids) {
    if (auto added = family.add(id); !added) return tl::unexpected(added.error());
  }
  return std::move(family).members();
}

/// Takes a run out of sight. False: it is not there any more.
Result<bool> hide(const Connection& connection, const std::string& id) {
  const auto noted = change(connection,
                            "INSERT INTO deleted_runs"
                            " SELECT key FROM runs WHERE id = ?1 AND ended_us > 0",
                            id);
  if (!noted) return tl::unexpected(noted.error());
  if (*noted == 0) return false;
  const auto deleted = change(connection, "DELETE FROM runs WHERE id = ?1", id);
  if (!deleted) return tl::unexpected(deleted.error());
  return true;
}

/// Deletes some rows of a run out of sight. False: there are none any more.
Result<bool> purge_some(const Connection& connection) {
  const auto runs =
      collect_column<std::int64_t>(connection, "SELECT key FROM deleted_runs LIMIT 1");
  if (!runs) return tl::unexpected(runs.error());
  if (runs->empty()) return false;
  const std::int64_t run = runs->front();
  for (const char* sql : {"DELETE FROM events WHERE key IN"
                          " (SELECT key FROM events WHERE key >= ?1 AND key < ?2 LIMIT ?3)",
                          "DELETE FROM steps WHERE key IN"
                          " (SELECT key FROM steps WHERE key >= ?1 AND key < ?2 LIMIT ?3)"}) {
    const auto deleted = change(connection, sql, row_key(run, 0), row_key(run + 1, 0), kRows);
    if (!deleted) return tl::unexpected(deleted.error());
    if (*deleted > 0) return true;
  }
  const auto more = purge_tracked(connection, run, kRows);
  if (!more) return tl::unexpected(more.error());
  if (*more) return true;
  const auto commands = change(connection,
                               "DELETE FROM commands WHERE id IN"
                               " (SELECT id FROM commands WHERE run = ?1 LIMIT ?2)",
                               run, kRows);
  if (!commands) return tl::unexpected(commands.error());
  if (*commands > 0) return true;
  const auto done = change(connection, "DELETE FROM deleted_runs WHERE key = ?1", run);
  if (!done) return tl::unexpected(done.error());
  return true;
}

/// One statement, so that all of it is of one moment.
constexpr const char* kReferences =
    "SELECT artifacts FROM steps WHERE artifacts NOT IN ('', '{}') "
    "UNION ALL SELECT artifacts FROM cache "
    "UNION ALL SELECT sha256 || ' ' || source FROM model_versions "
    "UNION ALL SELECT sha256 FROM tracked_artifacts "
    // What runs were started with: the first event of each.
    "UNION ALL SELECT body FROM runs CROSS JOIN events ON events.key = (runs.key << 32) + 1 "
    "UNION ALL SELECT body FROM runs CROSS JOIN events"
    "  ON events.key >= (runs.key << 32) AND events.key < ((runs.key + 1) << 32)"
    "  WHERE runs.ended_us = 0";

}  // namespace

Result<std::vector<std::string>> Store::delete_runs(const std::vector<std::string>& ids) {
  const auto family = impl_->readers.use([&](const Connection& c) { return family_of(c, ids); });
  if (!family) return tl::unexpected(family.error());
  std::vector<std::string> gone;
  std::size_t next = 0;
  auto hidden = impl_->write_in_pieces([&](Connection& connection) -> Result<bool> {
    if (next == family->size()) return false;
    const auto deleted = hide(connection, (*family)[next]);
    if (!deleted) return tl::unexpected(deleted.error());
    if (*deleted) gone.push_back((*family)[next]);
    return ++next < family->size();
  });
  if (hidden) hidden = purge();
  if (!hidden) return tl::unexpected(hidden.error());
  return gone;
}

Result<void> Store::purge() {
  return impl_->write_in_pieces([](Connection& connection) { return purge_some(connection); });
}

Result<std::uint64_t> Store::expire_cache(std::int64_t older_than_us) {
  std::uint64_t expired = 0;
  const auto written = impl_->write_in_pieces([&](Connection& connection) -> Result<bool> {
    const auto deleted =
        change(connection,
               "DELETE FROM cache WHERE key IN (SELECT key FROM cache WHERE time_us < ?1 LIMIT ?2)",
               older_than_us, kRows);
    if (!deleted) return tl::unexpected(deleted.error());
    expired += static_cast<std::uint64_t>(*deleted);
    return *deleted > 0;
  });
  if (!written) return tl::unexpected(written.error());
  return expired;
}

Result<std::vector<std::string>> Store::runs_to_retire(const std::string& pipeline,
                                                       const std::string& name_space,
                                                       std::size_t keep_count,
                                                       std::int64_t max_age_us,
                                                       std::int64_t now_us) const {
  const Retention retention{pipeline, name_space, keep_count,
                            max_age_us > 0 ? now_us - max_age_us : 0};
  return impl_->readers.use([&](const Connection& c) { return read_runs_to_retire(c, retention); });
}

Result<std::unordered_set<std::string>> Store::referenced_artifacts() const {
  return impl_->readers.use(
      [](const Connection& connection) -> Result<std::unordered_set<std::string>> {
        auto statement = Statement::prepare(connection, kReferences);
        if (!statement) return tl::unexpected(statement.error());
        std::unordered_set<std::string> digests;
        while (statement->next()) add_digests(statement->column<std::string>(0), digests);
        if (!statement->ok()) return tl::unexpected(connection.error("cannot read"));
        return digests;
      });
}

}  // namespace scanflow::store
