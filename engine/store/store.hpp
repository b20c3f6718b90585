// The engine's memory: the event log and its projections in one SQLite database (WAL), and
// artifacts by SHA-256 beside it (artifacts.hpp). One process writes (it holds engine.lock); any
// number read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::store {

/// survives kill -9 (WAL, synchronous NORMAL), or power loss too (FULL).
enum class Durability { process, power };

struct EventRow {
  std::string run;
  std::int64_t seq = 0;  // from 1, without gaps, per run
  std::int64_t time_us = 0;
  std::string type;
  std::string step;  // identity, or empty
  std::string body;  // JSON: run::to_json
};

struct RunRow {
  std::string id, pipeline, name_space, status, file, backend, summary;
  std::int64_t created_us = 0, ended_us = 0;
  std::uint32_t steps = 0, done = 0, failed = 0;
};

struct StepRow {
  std::string run, id, status, uses, cause, message;
  std::uint32_t position = 0, attempts = 0;
  std::int64_t started_us = 0, ended_us = 0;
  std::string outputs;    // JSON object, or empty
  std::string artifacts;  // JSON object: name -> {path, sha256, bytes, directory}, or empty
  std::string log;        // JSON array of {attempt, segment, offset, length}, or empty
};

/// Stored once per (run, step, attempt, number), however often it comes.
struct MetricRow {
  std::string run, step, name;
  std::uint32_t attempt = 0;
  std::uint64_t number = 0;  // of the attempt's metrics
  std::int64_t at_step = 0, time_us = 0;
  double value = 0;
  std::string labels;  // JSON object, or empty
};

struct CacheRow {
  std::string key;  // SHA-256 of what the step's result depends on
  std::string run, step;
  std::int64_t time_us = 0;
  std::string outputs, artifacts;  // JSON, as in StepRow
};

struct ModelVersion {
  std::string name;
  std::uint32_t version = 0;
  std::string sha256, run, step;
  std::uint32_t attempt = 0;
  std::int64_t time_us = 0;
  std::string metrics, tags, lineage;  // JSON objects
};

/// All of it is committed, or nothing.
struct Batch {
  std::vector<EventRow> events;
  std::vector<RunRow> runs;    // upserts
  std::vector<StepRow> steps;  // upserts
  std::vector<MetricRow> metrics;
  std::vector<CacheRow> cache;
};

class Store {
 public:
  /// Opens `directory`/scanflow.db for writing, made or migrated where needed. An error says what
  /// to do: a newer schema, a read-only or full disk, a damaged file.
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& directory,
                                             Durability durability);
  /// Is there a database, so that there may be runs?
  static bool exists(const std::filesystem::path& directory);
  /// Never writes; works beside a living engine. An error where there is no database yet.
  static Result<std::unique_ptr<Store>> open_read_only(const std::filesystem::path& directory);
  ~Store();  // commits what is queued

  using Done = std::function<void(Result<void>)>;
  /// Queues the batch; the writer thread commits everything queued in one transaction (group
  /// commit), in order. A few rows are committed here and now where nothing is queued and a commit
  /// does not wait for the disk. `done` is called after the commit (on the writer thread, or before
  /// this returns), or with the reason it failed (disk full): then nothing of the batch is there,
  /// and every later batch fails too, so that no gap can arise.
  void commit(Batch batch, Done done);

  // Reading; [any-thread].
  Result<std::vector<RunRow>> runs(std::size_t limit) const;               // newest first
  Result<std::vector<RunRow>> find_runs(const std::string& prefix) const;  // ids that start so
  Result<std::vector<StepRow>> steps(const std::string& run) const;        // by position
  Result<std::vector<EventRow>> events(const std::string& run, std::int64_t after_seq = 0) const;
  Result<std::vector<MetricRow>> metrics(const std::string& run) const;  // by step, name, at_step
  Result<std::optional<CacheRow>> cached(const std::string& key) const;
  Result<std::vector<ModelVersion>> models() const;

  /// Registers a version: numbers go up from 1 per name; the same (run, step, attempt, name,
  /// sha256) again gives the version it got. Blocks until committed: not for a `done`. [any-thread]
  Result<ModelVersion> register_model(ModelVersion model);

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::store
