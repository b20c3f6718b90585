// The engine's memory: the event log and its projections in one SQLite database (WAL), registered
// documents, and artifacts by SHA-256 beside it (artifacts.hpp). One process writes (it holds
// engine.lock); any number read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/store/rows.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::store {

/// survives kill -9 (WAL, synchronous NORMAL), or power loss too (FULL).
enum class Durability { process, power };

class Connection;  // sqlite.hpp

class Store {
 public:
  static constexpr std::int64_t kMostActions = 100'000;
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
  Result<std::vector<RunRow>> runs(const RunFilter& filter) const;         // newest first
  Result<std::vector<RunRow>> find_runs(const std::string& prefix) const;  // ids that start so
  /// Those without an end, oldest first. Costs nothing for those that have one.
  Result<std::vector<RunRow>> unfinished() const;
  Result<std::vector<StepRow>> steps(const std::string& run) const;  // by position
  /// `most_bytes`: with the first event that reaches it there are enough.
  Result<std::vector<EventRow>> events(
      const std::string& run, std::int64_t after_seq = 0,
      std::size_t limit = std::numeric_limits<std::size_t>::max(),
      std::size_t most_bytes = std::numeric_limits<std::size_t>::max()) const;
  Result<std::vector<MetricRow>> metrics(const std::string& run) const;  // by step, name, at_step
  Result<std::optional<CacheRow>> cached(const std::string& key) const;
  Result<std::vector<ModelVersion>> models() const;
  /// NAMESPACE/NAME of a registered pipeline -> the last firing of its schedule.
  Result<std::map<std::string, Firing>> last_firings() const;
  /// In the order in which they were asked for.
  Result<std::vector<CommandRow>> commands(const std::string& run) const;
  Result<std::optional<CommandRow>> command(const std::string& id) const;
  /// Those of any run without an outcome, in the same order. Costs nothing for those that have one.
  Result<std::vector<CommandRow>> open_commands() const;
  Result<std::vector<ActionRow>> actions(const ActionFilter& filter) const;  // newest first
  Result<std::optional<ActionRow>> action(const std::string& id) const;

  // What follows blocks until it is committed, [any-thread]: not for a `done`. A failed commit is
  // as final as that of a batch.

  /// Registers a version: numbers go up from 1 per name; the same (run, step, attempt, name,
  /// sha256) again gives the version it got.
  Result<ModelVersion> register_model(ModelVersion model);
  /// A new action, or the outcome of one that has none yet: the first outcome stays. Of all actions the newest
  /// kMostActions are kept.
  Result<void> record(const ActionRow& action);
  /// Actions without an outcome get this one, since nobody goes on with them. Costs nothing where there are none.
  Result<void> close_actions(const std::string& outcome, const std::string& message,
                             std::int64_t now_us);

  // For other folders that have tables of their own here (engine/track).

  /// In a transaction; blocks until it is committed. What `task` answers an error to is not committed, and nothing
  /// may be written any more: so it takes back what it has begun, and answers none. [any-thread, not for a `done`]
  Result<void> write(std::function<Result<void>(Connection&)> task);
  /// `tell` is called after each commit that has brought a happening (happenings.hpp), on the thread that commits: it
  /// must not wait for another commit. One at most; an empty one ends it, and is not called once this has returned.
  void on_happening(std::function<void()> tell);
  /// All that `query` reads is of one moment. [any-thread]
  Result<void> read(const std::function<Result<void>(const Connection&)>& query) const;

  /// What is kept under a name by whoever owns that name ("service NAMESPACE/NAME"); nothing: nothing is. Empty text: it
  /// goes.
  Result<void> keep(const std::string& name, const std::string& text);
  Result<std::optional<std::string>> kept(const std::string& name) const;

  /// The fencing number of a hub that begins: higher than any that was given before, from 1.
  Result<std::uint64_t> next_term();

  // Registered documents (registry.cpp).

  /// Stores the text as the next version of its name, unless the newest version has the same. The
  /// version and the digest are the store's to say. A number is never given twice, also not after
  /// its version was removed.
  Result<Applied> apply(Document document);
  /// All of them in one transaction, or none; what became of each.
  Result<std::vector<Applied>> apply_all(std::vector<Document> documents);
  /// Removes one version, or all. How many that were: 0 where there is none.
  Result<std::uint32_t> remove(const std::string& kind, const std::string& name_space,
                               const std::string& name,
                               std::optional<std::uint32_t> version = std::nullopt);
  /// The same of several in one transaction; how many versions of each.
  Result<std::vector<std::uint32_t>> remove_all(const std::vector<DocumentName>& names);
  /// That version, or the newest; nothing where there is none.
  Result<std::optional<Document>> document(
      const std::string& kind, const std::string& name_space, const std::string& name,
      std::optional<std::uint32_t> version = std::nullopt) const;
  /// By kind, namespace and name; all kinds or namespaces where none is given. `labels`: of the
  /// newest version.
  Result<std::vector<DocumentEntry>> documents(const std::optional<std::string>& kind = {},
                                               const std::optional<std::string>& name_space = {},
                                               const LabelSelector& labels = {}) const;
  /// Newest first, with their sources.
  Result<std::vector<Document>> versions(const std::string& kind, const std::string& name_space,
                                         const std::string& name) const;

  // What is kept, and for how long (upkeep.cpp); artifacts: garbage.hpp.

  /// Deletes these runs and those they called: each is gone at once, its events, steps and metrics
  /// follow in short transactions before this returns. Cache and models stay. Gives the ids of all
  /// that are gone, so that their logs can be removed too; one that is not there is not among them.
  /// Refused, with their names, where some are unfinished: then nothing was deleted.
  Result<std::vector<std::string>> delete_runs(const std::vector<std::string>& ids);
  /// Finishes what delete_runs left behind where its process was killed.
  Result<void> purge();
  /// Finished runs that no run called, beyond the newest `keep_count` of them, or ended more than
  /// `max_age_us` before `now_us`; 0: no such limit. Oldest first.
  Result<std::vector<std::string>> runs_to_retire(const std::string& pipeline,
                                                  const std::string& name_space,
                                                  std::size_t keep_count, std::int64_t max_age_us,
                                                  std::int64_t now_us) const;
  /// Forgets cached results from before this time; how many that were.
  Result<std::uint64_t> expire_cache(std::int64_t older_than_us);
  /// Digests of all artifacts that a step, the cache, a model, or what a run was started with
  /// refers to; of unfinished runs those in any event. Some may be of something else: whatever
  /// looks like a SHA-256 counts.
  Result<std::unordered_set<std::string>> referenced_artifacts() const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::store
