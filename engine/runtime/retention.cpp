// What is kept of runs that are over.
#include <algorithm>
#include <filesystem>
#include <system_error>

#include "engine/runtime/checkpoints.hpp"
#include "engine/runtime/engine_impl.hpp"
#include "engine/store/garbage.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::runtime {
namespace {

namespace fs = std::filesystem;

/// Nothing is garbage that is younger than this: to look for it more often finds nothing more, and
/// looking reads the names of all artifacts.
constexpr std::chrono::hours kBetweenCollections{1};

/// The file's age says when there was a collection, also by an engine before this one.
bool collection_is_due(const fs::path& mark) {
  std::error_code error;
  const auto last = fs::last_write_time(mark, error);
  if (!error && fs::file_time_type::clock::now() - last < kBetweenCollections) return false;
  return write_file_atomically(mark, "").has_value();
}

}  // namespace

Result<std::vector<std::string>> Engine::Impl::delete_runs(const std::vector<std::string>& ids) {
  auto gone = options.store->delete_runs(ids);
  if (!gone) return gone;
  for (const std::string& id : *gone) {
    std::error_code ignored;  // swept with the next garbage
    fs::remove_all(options.state.logs_of(id).parent_path(), ignored);
    remove_checkpoints(options.state, id);
  }
  return gone;
}

Result<store::Garbage> Engine::Impl::collect_garbage() {
  const std::int64_t old = wall_us() - store::kGarbageAgeUs;
  auto garbage = store::collect_garbage(*options.store, artifacts, old);
  for (const fs::path& of_runs : {options.state.root / "runs", options.state.checkpoints()})
    (void)store::collect_run_directories(*options.store, of_runs, old);
  return garbage;
}

void Engine::Impl::retire(const EntryPtr& entry) {
  const pipeline::Pipeline& pipeline = *entry->run.plan().pipeline;
  const pipeline::Retain retain = pipeline.retain;
  if ((retain.runs == 0 && retain.age_us == 0) || !options.store ||
      entry->run.submission().caller) {
    return;
  }
  work([this, retain, own = entry->run.id(), name = pipeline.name,
        name_space = pipeline.name_space] {
    // What fails here is tried again when the next run has ended.
    auto ids =
        options.store->runs_to_retire(name, name_space, retain.runs, retain.age_us, wall_us());
    const auto unfinished = options.store->unfinished();
    if (!ids || !unfinished) return;
    std::erase(*ids, own);  // whoever followed it may still ask for it
    for (const store::RunRow& run : *unfinished) std::erase(*ids, run.retry_of);
    for (const std::string& id : *ids) (void)delete_runs({id});
    if (collection_is_due(options.state.root / "collected")) (void)collect_garbage();
  });
}

}  // namespace scanflow::runtime
