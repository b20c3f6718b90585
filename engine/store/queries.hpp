// Tables into rows. Private to engine/store.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/store/sqlite.hpp"
#include "engine/store/store.hpp"

namespace scanflow::store {

Result<std::vector<StepRow>> read_steps(const Connection& connection, const std::string& run);
Result<std::vector<EventRow>> read_events(const Connection& connection, const std::string& run,
                                          std::int64_t after_seq, std::size_t limit,
                                          std::size_t most_bytes);
Result<std::vector<MetricRow>> read_metrics(const Connection& connection, const std::string& run);
Result<std::optional<CacheRow>> read_cached(const Connection& connection, const std::string& key);
Result<std::vector<ModelVersion>> read_models(const Connection& connection);

/// Connections for reading, opened as they are needed: a long read does not hold up a short one.
/// [any-thread]
class ReaderPool {
 public:
  explicit ReaderPool(std::filesystem::path file) : file_(std::move(file)) {}

  template <class Query>
  auto use(Query query) -> decltype(query(std::declval<const Connection&>())) {
    auto connection = take();
    if (!connection) return tl::unexpected(connection.error());
    auto result = query(*connection);
    give_back(std::move(*connection));
    return result;
  }
  void give_back(Connection connection);

 private:
  Result<Connection> take();

  const std::filesystem::path file_;
  std::mutex mutex_;
  std::vector<Connection> idle_;
};

}  // namespace scanflow::store
