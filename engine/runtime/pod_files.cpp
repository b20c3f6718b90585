#include "engine/runtime/pod_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "engine/runtime/namespaces.hpp"
#include "engine/runtime/saved_checkpoints.hpp"
#include "sdk/base/digest.hpp"
#include "sdk/base/files.hpp"
#include "sdk/base/tree.hpp"

namespace scanflow::runtime {
namespace fs = std::filesystem;
namespace {

std::string digest_of(const protocol::AttemptId& id) {
  return sha256_hex(fmt::format("{}\n{}\n{}", id.run, id.step, id.attempt)).substr(0, 32);
}

/// To which user it was granted: a namespace is lent to as a whole.
std::string whose(const hub::SidecarKey& sidecar) {
  const auto name_space = namespace_of_user(sidecar.user);
  return name_space ? user_of_namespace(*name_space) : sidecar.user;
}

std::string what(const std::string& object, const std::string& sha256) {
  return object + ' ' + sha256;
}

}  // namespace

PodFiles::PodFiles(store::Artifacts artifacts, fs::path incoming)
    : artifacts_(std::move(artifacts)), incoming_(std::move(incoming)) {}

void PodFiles::admit(const std::string& user, const protocol::Request& request,
                     const backend::AttemptFiles& places) {
  Grant grant;
  grant.log = places.log;
  if (!places.checkpoints.empty()) grant.checkpoints = saved_directory(places.checkpoints);
  for (const auto& [whose, manifest] : request.saved)
    grant.left.merge(objects_of(grant.checkpoints, manifest));
  // The worker ends a log that is too long with a line that says so.
  constexpr std::uint64_t kLastLine = 4096;
  grant.log_limit =
      (request.log_limit > 0 ? request.log_limit : protocol::kDefaultLogLimit) + kLastLine;
  for (const protocol::Input& input : request.inputs) allow(grant, input);
  const std::lock_guard lock(mutex_);
  grants_[user][request.id] = std::move(grant);
}

void PodFiles::lend(const std::string& user, const std::string& borrower,
                    const std::vector<protocol::Input>& files) {
  if (files.empty()) return dismiss(user, {borrower, "", 0});
  Grant grant;
  for (const protocol::Input& input : files) allow(grant, input);
  const std::lock_guard lock(mutex_);
  grants_[user][{borrower, "", 0}] = std::move(grant);
}

void PodFiles::allow(Grant& grant, const protocol::Input& input) const {
  if (!input.directory) {
    grant.files.insert(what(input.path == "executable" ? "executable" : "file", input.sha256));
    return;
  }
  grant.files.insert(what("tree", input.sha256));
  const auto path = artifacts_.manifest_file_of(input.sha256);
  const auto text = path ? read_file(*path) : tl::unexpected(path.error());
  const auto files = text ? parse_manifest(*text) : tl::unexpected(text.error());
  if (!files) return;  // the fetch of the manifest says why
  for (const TreeFile& file : *files)
    grant.files.insert(what(file.executable ? "executable" : "file", file.sha256));
}

void PodFiles::dismiss(const std::string& user, const protocol::AttemptId& id) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = grants_.find(user);
    if (found != grants_.end() && found->second.erase(id) > 0 && found->second.empty())
      grants_.erase(found);
  }
  std::error_code ignored;
  fs::remove_all(incoming_of(user, id), ignored);
}

hub::BulkAccess PodFiles::access() {
  hub::BulkAccess access;
  access.knows = [this](const hub::SidecarKey& of) {
    const std::lock_guard lock(mutex_);
    return grants_.contains(whose(of));
  };
  access.fetch = [this](const hub::SidecarKey& of, const protocol::Fetch& asked) {
    return fetch(whose(of), asked);
  };
  access.store = [this](const hub::SidecarKey& of, const protocol::Store& offered) {
    return store(whose(of), offered);
  };
  access.stored = [this](const hub::SidecarKey& of, const protocol::Store& whole,
                         const fs::path& path, const std::string& sha256) {
    return stored(whose(of), whole, path, sha256);
  };
  return access;
}

bool PodFiles::is_granted(const std::string& user, const std::string& what) const {
  const std::lock_guard lock(mutex_);
  const auto found = grants_.find(user);
  return found != grants_.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [&](const auto& each) { return each.second.files.contains(what); });
}

PodFiles::Grant* PodFiles::find(const std::string& user, const protocol::AttemptId& id) {
  const auto found = grants_.find(user);
  if (found == grants_.end()) return nullptr;
  const auto attempt = found->second.find(id);
  return attempt == found->second.end() ? nullptr : &attempt->second;
}

Result<fs::path> PodFiles::fetch_checkpoint(const std::string& user,
                                            const std::string& sha256) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = grants_.find(user); found != grants_.end()) {
    for (const auto& [id, grant] : found->second) {
      if (grant.left.contains(sha256)) return saved_object(grant.checkpoints, sha256);
    }
  }
  return fail(fmt::format("{} was not left by an earlier attempt of what runs there", sha256));
}

Result<fs::path> PodFiles::fetch(const std::string& user, const protocol::Fetch& fetch) {
  if (fetch.object == "checkpoint") return fetch_checkpoint(user, fetch.sha256);
  if (!is_granted(user, what(fetch.object, fetch.sha256)))
    return fail(fmt::format("{} {} is no input of what runs there", fetch.object, fetch.sha256));
  if (fetch.object == "tree") return artifacts_.manifest_file_of(fetch.sha256);
  return artifacts_.file_of(fetch.sha256, fetch.object == "executable");
}

fs::path PodFiles::incoming_of(const std::string& user, const protocol::AttemptId& id) const {
  return incoming_ / (sha256_hex(user).substr(0, 16) + "-" + digest_of(id));
}

Result<hub::BulkAccess::Place> PodFiles::store(const std::string& user,
                                               const protocol::Store& store) {
  hub::BulkAccess::Place log;
  {
    const std::lock_guard lock(mutex_);
    const Grant* grant = find(user, store.id);
    if (grant == nullptr || grant->log.empty())
      return fail(
          fmt::format("attempt {} of {} does not run there", store.id.attempt, store.id.step));
    if (store.object.starts_with("checkpoint") && grant->checkpoints.empty())
      return fail(fmt::format("{} leaves nothing for later attempts", store.id.step));
    log = {grant->log, "", grant->log_limit};
  }
  if (store.object == "log") return log;
  // A tree is put together anew: cheap, and right whatever its files have become.
  const bool artifact = store.object == "file" || store.object == "executable";
  if (!store.sha256.empty() && artifact &&
      artifacts_.file_of(store.sha256, store.object == "executable") &&
      artifacts_.touch(store.sha256, false)) {
    return hub::BulkAccess::Place{{}, store.sha256};
  }
  return hub::BulkAccess::Place{
      incoming_of(user, store.id) /
          sha256_hex(fmt::format("{}\n{}\n{}", store.object, store.name, store.bytes))
              .substr(0, 32),
      ""};
}

/// Asked on the hub's thread of bulk only: one at a time.
Result<void> PodFiles::stored_checkpoint(const std::string& user, const protocol::Store& store,
                                         const fs::path& path, const std::string& sha256) {
  std::set<std::string> in_use;
  fs::path saved;
  {
    const std::lock_guard lock(mutex_);
    Grant* grant = find(user, store.id);
    if (grant == nullptr) return fail("its attempt is over");
    saved = grant->checkpoints;
    if (store.object == "checkpoint") {
      grant->fresh.insert(sha256);
      return save_object(saved, path, sha256);
    }
    for (const auto& [each, attempts] : grants_) {
      for (const auto& [id, other] : attempts) {
        if (other.checkpoints != saved) continue;
        in_use.insert(other.left.begin(), other.left.end());
        in_use.insert(other.fresh.begin(), other.fresh.end());
      }
    }
  }
  if (auto taken = save_snapshot(saved, store.id.step, path, sha256, in_use); !taken) return taken;
  const std::lock_guard lock(mutex_);
  if (Grant* grant = find(user, store.id); grant != nullptr) grant->fresh.clear();
  return {};
}

Result<void> PodFiles::stored(const std::string& user, const protocol::Store& store,
                              const fs::path& path, const std::string& sha256) {
  if (store.object == "log") return {};
  if (store.object.starts_with("checkpoint")) return stored_checkpoint(user, store, path, sha256);
  std::error_code ignored;
  if (store.object == "tree") {
    const auto manifest = read_file(path);
    if (!manifest) return tl::unexpected(manifest.error());
    const auto tree = artifacts_.take_tree(*manifest);
    if (!tree) return tl::unexpected(tree.error());
  } else {
    const auto file = artifacts_.take_file(path, sha256, store.object == "executable");
    if (!file) return tl::unexpected(file.error());
  }
  fs::remove(path, ignored);
  return {};
}

}  // namespace scanflow::runtime
