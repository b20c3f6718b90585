// Rows into tables, by prepared statements. Private to engine/store; used by the writer's thread.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "engine/store/sqlite.hpp"
#include "engine/store/store.hpp"
#include "engine/store/tracked.hpp"

namespace scanflow::store {

class Tables {
 public:
  static Result<std::unique_ptr<Tables>> prepare(const Connection& connection);
  Result<void> write(const Connection& connection, const Batch& batch);

 private:
  /// The number of a run in the database; 0: there is no such run.
  Result<std::int64_t> find_run(const Connection& connection, const std::string& id);
  /// The same; made where there is none.
  Result<std::int64_t> run_key(const Connection& connection, const std::string& id);
  Result<void> write_runs(const Connection& connection, const Batch& batch);
  Result<void> write_ends(const Connection& connection, const Batch& batch);
  Result<void> write_events(const Connection& connection, const Batch& batch);
  Result<void> write_steps(const Connection& connection, const Batch& batch);
  Result<void> write_metrics(const Connection& connection, const Batch& batch);
  Result<void> write_commands(const Connection& connection, const Batch& batch);

  Statement find_run_, add_run_, run_place_, run_, event_, step_, cache_, command_;
  std::unique_ptr<Tracked> tracked_;
  std::unordered_map<std::string, std::int64_t> keys_;  // of unfinished runs
};

Result<void> write_firings(const Connection& connection, const std::vector<FiringRow>& firings);

/// Gives `model` its version: the one it got before, or the next of its name. Inside a transaction.
Result<void> add_model(const Connection& connection, ModelVersion& model);

}  // namespace scanflow::store
