#include "engine/store/garbage.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string_view>
#include <system_error>

#include "engine/store/garbage_lock.hpp"
#include "engine/store/object_names.hpp"
#include "sdk/base/files.hpp"

namespace scanflow::store {

namespace fs = std::filesystem;

namespace {

std::int64_t modified_us(const struct stat& status) {
  return static_cast<std::int64_t>(status.st_mtim.tv_sec) * 1'000'000 +
         status.st_mtim.tv_nsec / 1000;
}

/// Is it there, and was it changed before this time?
bool is_older(const fs::path& path, std::int64_t time_us) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && modified_us(status) < time_us;
}

/// A file without another name: no tree has it. `bytes`: its size.
bool is_alone(const fs::path& path, std::uint64_t* bytes) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return false;
  *bytes = static_cast<std::uint64_t>(status.st_size);
  return S_ISREG(status.st_mode) && status.st_nlink == 1;
}

bool is_there(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

/// Of the files below that have no other name.
std::uint64_t own_bytes(const fs::path& directory) {
  std::uint64_t sum = 0;
  std::error_code ignored;  // what cannot be read cannot be removed either: that is said then
  fs::recursive_directory_iterator entry(directory, ignored);
  for (; entry != fs::recursive_directory_iterator(); entry.increment(ignored)) {
    std::uint64_t bytes = 0;
    if (is_alone(entry->path(), &bytes)) sum += bytes;
  }
  return sum;
}

Result<void> remove_directory(const fs::path& directory) {
  std::error_code error;
  fs::remove_all(directory, error);
  if (!error) return {};
  return fail(fmt::format("cannot remove {}: {}", directory.string(), error.message()));
}

/// Removes a tree that has been taken out of its place.
Result<void> remove_gone(const fs::path& tree, Garbage& garbage) {
  const std::uint64_t bytes = own_bytes(tree);
  if (auto removed = remove_directory(tree); !removed) return removed;
  ++garbage.directories;
  garbage.bytes += bytes;
  return {};
}

}  // namespace

Result<Garbage> Artifacts::remove_unreferenced(const std::unordered_set<std::string>& referenced,
                                               std::int64_t older_than_us) const {
  Garbage garbage;
  if (!is_there(root_)) return garbage;
  // Trees first: as long as one has a name for an object, removing that frees nothing.
  auto removed = remove_trees(referenced, older_than_us, garbage);
  if (!removed) return tl::unexpected(removed.error());
  const auto objects = entries_of(root_ / "objects");
  if (!objects) return tl::unexpected(objects.error());
  for (const std::string& entry : *objects) {
    const std::string digest = digest_of(entry, kExecutable);
    if (digest.empty() || referenced.contains(digest)) continue;
    removed = remove_object(root_ / "objects" / entry, older_than_us, garbage);
    if (!removed) return tl::unexpected(removed.error());
  }
  return garbage;
}

Result<void> Artifacts::remove_trees(const std::unordered_set<std::string>& referenced,
                                     std::int64_t older_than_us, Garbage& garbage) const {
  std::set<std::string> unreferenced;  // digests
  for (const char* kind : {"trees", "manifests"}) {
    const auto entries = entries_of(root_ / kind);
    if (!entries) return tl::unexpected(entries.error());
    for (const std::string& entry : *entries) {
      const std::string digest = digest_of(entry, kGone);
      if (digest.empty()) continue;
      if (entry.ends_with(kGone)) {  // a process was killed over it
        if (auto done = remove_gone(root_ / kind / entry, garbage); !done) return done;
      } else if (!referenced.contains(digest)) {
        unreferenced.insert(digest);
      }
    }
  }
  for (const std::string& digest : unreferenced) {
    if (auto done = remove_tree(digest, older_than_us, garbage); !done) return done;
  }
  return {};
}

Result<void> Artifacts::remove_tree(const std::string& sha256, std::int64_t older_than_us,
                                    Garbage& garbage) const {
  const fs::path tree = place("trees", sha256), manifest = place("manifests", sha256);
  const fs::path gone = tree.string() + std::string(kGone);
  {
    const auto lock = GarbageLock::exclusive(root_);
    if (!lock) return tl::unexpected(lock.error());
    // Its age is that of its manifest; a tree without one is what damage left.
    if (!is_older(is_there(manifest) ? manifest : tree, older_than_us)) return {};
    // Out of its place at once, since no reader and no put may meet a part of it; the manifest
    // last, so that a kill in between leaves something to find.
    if (::rename(tree.c_str(), gone.c_str()) != 0 && errno != ENOENT) {
      return fail(describe_errno("cannot remove", tree, errno));
    }
    if (::unlink(manifest.c_str()) != 0 && errno != ENOENT) {
      return fail(describe_errno("cannot remove", manifest, errno));
    }
  }
  return is_there(gone) ? remove_gone(gone, garbage) : Result<void>();
}

Result<void> Artifacts::remove_object(const fs::path& path, std::int64_t older_than_us,
                                      Garbage& garbage) const {
  std::uint64_t bytes = 0;
  if (!is_alone(path, &bytes)) return {};
  const auto lock = GarbageLock::exclusive(root_);
  if (!lock) return tl::unexpected(lock.error());
  if (!is_older(path, older_than_us)) return {};
  if (::unlink(path.c_str()) != 0) return fail(describe_errno("cannot remove", path, errno));
  ++garbage.files;
  garbage.bytes += bytes;
  return {};
}

Result<Garbage> collect_garbage(Store& store, const Artifacts& artifacts,
                                std::int64_t older_than_us) {
  if (auto purged = store.purge(); !purged) return tl::unexpected(purged.error());
  const auto referenced = store.referenced_artifacts();
  if (!referenced) return tl::unexpected(referenced.error());
  return artifacts.remove_unreferenced(*referenced, older_than_us);
}

Result<Garbage> find_garbage(const Store& store, const fs::path& artifacts,
                             std::int64_t older_than_us) {
  auto kept = store.referenced_artifacts();
  const auto manifests = entries_of(artifacts / "manifests");
  const auto objects = entries_of(artifacts / "objects");
  if (!kept) return tl::unexpected(kept.error());
  if (!manifests) return tl::unexpected(manifests.error());
  if (!objects) return tl::unexpected(objects.error());
  Garbage garbage;
  std::unordered_set<std::string> in_trees;
  for (const std::string& entry : *manifests) {
    const fs::path file = artifacts / "manifests" / entry;
    if (!kept->contains(digest_of(entry, kGone)) && is_older(file, older_than_us)) {
      ++garbage.directories;
    } else if (const auto manifest = read_file(file)) {
      add_digests(*manifest, in_trees);
    }
  }
  for (const std::string& entry : *objects) {
    const std::string digest = digest_of(entry, kExecutable);
    const fs::path file = artifacts / "objects" / entry;
    if (digest.empty() || kept->contains(digest) || in_trees.contains(digest) ||
        !is_older(file, older_than_us))
      continue;
    std::error_code gone;  // meanwhile
    const auto bytes = fs::file_size(file, gone);
    if (gone) continue;
    ++garbage.files;
    garbage.bytes += bytes;
  }
  return garbage;
}

Result<std::vector<std::string>> collect_run_directories(const Store& store, const fs::path& runs,
                                                         std::int64_t older_than_us) {
  auto names = names_in(runs);
  if (!names) return names;
  std::vector<std::string> removed;
  for (std::string& name : *names) {
    if (!is_older(runs / name, older_than_us)) continue;
    const auto known = store.find_runs(name);
    if (!known) return tl::unexpected(known.error());
    if (!known->empty()) continue;
    if (auto done = remove_directory(runs / name); !done) return tl::unexpected(done.error());
    removed.push_back(std::move(name));
  }
  return removed;
}

}  // namespace scanflow::store
