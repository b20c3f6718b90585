// When schedules last fired.
#include "engine/store/execute.hpp"
#include "engine/store/store_impl.hpp"
#include "engine/store/tables.hpp"

namespace scanflow::store {

Result<void> write_firings(const Connection& connection, const std::vector<FiringRow>& firings) {
  for (const FiringRow& row : firings) {
    const auto changed =
        change(connection,
               "INSERT INTO firings VALUES (?1, ?2, ?3) ON CONFLICT (pipeline) DO UPDATE SET "
               "time_us = ?2, problem = ?3 WHERE time_us <= ?2",
               row.name_space + "/" + row.pipeline, row.firing.time_us, row.firing.problem);
    if (!changed) return tl::unexpected(changed.error());
  }
  return {};
}

Result<std::map<std::string, Firing>> Store::last_firings() const {
  using Named = std::pair<std::string, Firing>;
  const auto rows = impl_->readers.use([](const Connection& connection) {
    return collect<Named>(connection, "SELECT pipeline, time_us, problem FROM firings",
                          [](const Statement& columns, Named& row) {
                            columns.read(row.first, row.second.time_us, row.second.problem);
                          });
  });
  if (!rows) return tl::unexpected(rows.error());
  return std::map<std::string, Firing>(rows->begin(), rows->end());
}

}  // namespace scanflow::store
