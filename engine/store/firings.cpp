// When schedules last fired.
#include "engine/store/execute.hpp"
#include "engine/store/store_impl.hpp"
#include "engine/store/tables.hpp"

namespace scanflow::store {
namespace {

/// Of their keys in `meta`.
constexpr std::string_view kPrefix = "fired:";

}  // namespace

Result<void> write_firings(const Connection& connection, const std::vector<FiringRow>& firings) {
  for (const FiringRow& row : firings) {
    const auto changed =
        change(connection,
               "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET "
               "value = max(CAST(value AS INTEGER), ?2)",
               std::string(kPrefix) + row.name_space + "/" + row.pipeline, row.time_us);
    if (!changed) return tl::unexpected(changed.error());
  }
  return {};
}

Result<std::map<std::string, std::int64_t>> Store::last_firings() const {
  struct Firing {
    std::string key;
    std::int64_t time_us = 0;
  };
  const auto rows = impl_->readers.use([](const Connection& connection) {
    return collect<Firing>(
        connection,
        "SELECT key, CAST(value AS INTEGER) FROM meta WHERE key >= 'fired:' AND key < 'fired;'",
        [](const Statement& columns, Firing& row) { columns.read(row.key, row.time_us); });
  });
  if (!rows) return tl::unexpected(rows.error());
  std::map<std::string, std::int64_t> firings;
  for (const Firing& row : *rows) firings.emplace(row.key.substr(kPrefix.size()), row.time_us);
  return firings;
}

}  // namespace scanflow::store
