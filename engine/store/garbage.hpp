// Removing what nothing refers to any more. The rule: a reference is committed after what it refers
// to was put or touched, so that what is both old and without a reference never gets one again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/store/artifacts.hpp"
#include "engine/store/store.hpp"

namespace scanflow::store {

/// An artifact may lie there for a while before what refers to it is committed.
inline constexpr std::int64_t kGarbageAgeUs = 3'600'000'000;

/// Removes artifacts that Store::referenced_artifacts does not have and that are older than
/// `older_than_us` (see Artifacts::remove_unreferenced; an hour ago is a good time), and first what
/// a killed process left of deleted runs. `store` is open for writing. [any-thread]
Result<Garbage> collect_garbage(Store& store, const Artifacts& artifacts,
                                std::int64_t older_than_us);

/// What collect_garbage would remove now, at most: nothing is altered.
Result<Garbage> find_garbage(const Store& store, const std::filesystem::path& artifacts,
                             std::int64_t older_than_us);

/// Removes directories below `runs` (logs, each named by its run) that were last changed before
/// `older_than_us` and whose run is not in the store: those that a process left that was killed
/// after delete_runs. Gives their names.
Result<std::vector<std::string>> collect_run_directories(const Store& store,
                                                         const std::filesystem::path& runs,
                                                         std::int64_t older_than_us);

}  // namespace scanflow::store
