#include "engine/store/check.hpp"

#include <fmt/format.h>

#include <map>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "engine/store/artifacts.hpp"
#include "engine/store/digest_file.hpp"
#include "engine/store/garbage_lock.hpp"
#include "engine/store/object_names.hpp"
#include "engine/store/sqlite.hpp"
#include "sdk/base/digest.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/tree.hpp"

namespace scanflow::store {

namespace fs = std::filesystem;

namespace {

/// What must be there, and for whom.
constexpr const char* kOwned =
    "SELECT 'file ' || path, sha256 FROM tracked_artifacts "
    "UNION ALL SELECT 'model ' || m.name || ', version ' || v.version, v.sha256 FROM "
    "model_versions "
    "AS v JOIN registered_models AS m ON m.key = v.owner WHERE v.sha256 != '' "
    "UNION ALL SELECT 'step ' || s.id || ' of run ' || r.id, s.artifacts FROM steps AS s JOIN runs "
    "AS r ON r.key = s.key >> 32 WHERE s.artifacts NOT IN ('', '{}') "
    "UNION ALL SELECT 'the cache, of step ' || step, artifacts FROM cache WHERE artifacts NOT IN "
    "('', '{}')";

using Owners = std::map<std::string, std::string>;  // by digest

Result<Owners> read_owners(const Store& store) {
  Owners owners;
  auto done = store.read([&](const Connection& connection) -> Result<void> {
    auto statement = Statement::prepare(connection, kOwned);
    if (!statement) return tl::unexpected(statement.error());
    while (statement->next()) {
      std::unordered_set<std::string> digests;
      add_digests(statement->column<std::string>(1), digests);
      for (const std::string& digest : digests)
        owners.emplace(digest, statement->column<std::string>(0));
    }
    return statement->ok() ? Result<void>() : tl::unexpected(connection.error("cannot read"));
  });
  if (!done) return tl::unexpected(std::move(done.error()));
  return owners;
}

class Check {
 public:
  Check(fs::path artifacts, bool set_aside)
      : root_(std::move(artifacts)), store_(root_), set_aside_(set_aside) {}

  Result<Checked> run(const Store& store) {
    const auto before = read_owners(store);
    if (!before) return tl::unexpected(before.error());
    for (auto part : {&Check::objects, &Check::directories}) {
      if (auto done = (this->*part)(); !done) return tl::unexpected(std::move(done.error()));
    }
    // Whose owner has gone meanwhile may be gone as well.
    const auto owners = read_owners(store);
    if (!owners) return tl::unexpected(owners.error());
    for (const auto& [digest, owner] : *before) {
      if (!there_.contains(digest) && owners->contains(digest))
        checked_.damages.push_back({digest, "it is missing", ""});
    }
    for (Damage& damage : checked_.damages) {
      if (const auto owner = owners->find(damage.sha256); owner != owners->end())
        damage.owner = owner->second;
    }
    return std::move(checked_);
  }

 private:
  Result<void> objects() {
    const auto entries = entries_of(root_ / "objects");
    if (!entries) return tl::unexpected(entries.error());
    for (const std::string& entry : *entries) {
      const std::string name = digest_of(entry, kExecutable);
      const fs::path file = root_ / "objects" / entry;
      std::error_code gone;
      const auto bytes = fs::file_size(file, gone);
      if (name.empty() || gone) continue;  // none of ours, or collected meanwhile
      there_.insert(name);
      ++checked_.files;
      checked_.bytes += bytes;
      const auto digest = digest_file(file);
      if (digest && *digest == name) continue;
      damaged_.insert(name);
      auto aside = put_aside({file});
      if (!aside) return aside;
      checked_.damages.push_back(
          {name,
           digest ? fmt::format("its bytes have SHA-256 {}", *digest) : digest.error().message,
           ""});
    }
    return {};
  }

  Result<void> directories() {
    const auto entries = entries_of(root_ / "manifests");
    if (!entries) return tl::unexpected(entries.error());
    for (const std::string& entry : *entries) {
      const std::string name = digest_of(entry, kGone);
      if (name.empty() || entry.ends_with(kGone)) continue;
      there_.insert(name);
      ++checked_.directories;
      const std::string why = wrong_directory(name, root_ / "manifests" / entry);
      if (why.empty()) continue;
      auto aside = put_aside({root_ / "trees" / entry, root_ / "manifests" / entry});
      if (!aside) return aside;
      checked_.damages.push_back({name, why, ""});
    }
    return {};
  }

  /// "" where nothing is.
  std::string wrong_directory(const std::string& name, const fs::path& manifest) const {
    const auto text = read_file(manifest);
    if (!text) return text.error().message;
    if (sha256_hex(*text) != name) return "its manifest was changed";
    const auto files = parse_manifest(*text);
    if (!files) return files.error().message;
    for (const TreeFile& file : *files) {
      if (damaged_.contains(file.sha256)) return fmt::format("its file {} is damaged", file.path);
    }
    return store_.has(name, true) ? "" : "some of its files are missing, or shorter than they were";
  }

  Result<void> put_aside(const std::vector<fs::path>& all) const {
    if (!set_aside_) return {};
    const auto lock = GarbageLock::exclusive(root_);
    if (!lock) return tl::unexpected(lock.error());
    for (const fs::path& each : all) {
      const fs::path to = root_ / "quarantine" / each.lexically_relative(root_);
      std::error_code error;
      fs::create_directories(to.parent_path(), error);
      if (!error) fs::rename(each, to, error);
      if (error && error != std::errc::no_such_file_or_directory)
        return fail(
            fmt::format("cannot move {} to {}: {}", each.string(), to.string(), error.message()));
    }
    return {};
  }

  const fs::path root_;
  const Artifacts store_;
  const bool set_aside_;
  Checked checked_;
  std::unordered_set<std::string> there_, damaged_;
};

}  // namespace

Result<Checked> check_artifacts(const Store& store, const fs::path& artifacts, bool set_aside) {
  return Check(artifacts, set_aside).run(store);
}

}  // namespace scanflow::store
