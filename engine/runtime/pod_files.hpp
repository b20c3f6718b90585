// What Pods may fetch of the artifact store and bring to it: only what their attempts were given, and only
// while these run. Asked by the hub's bulk thread, told by the engine's. [any-thread]
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "engine/backend/pod_hub.hpp"
#include "engine/hub/bulk.hpp"
#include "engine/store/artifacts.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::runtime {

class PodFiles {
 public:
  /// `incoming`: where that lies which has not come whole yet; it may survive the engine.
  PodFiles(store::Artifacts artifacts, std::filesystem::path incoming);

  /// The Pod of this user runs the attempt: it may have its inputs and what earlier attempts have left, and bring
  /// its artifacts, log and checkpoints.
  void admit(const std::string& user, const protocol::Request& request,
             const backend::AttemptFiles& places);
  /// Sidecars of this user may have these, in place of what was lent to this borrower before; they bring nothing.
  void lend(const std::string& user, const std::string& borrower,
            const std::vector<protocol::Input>& files);
  /// It is over: what has not come whole is gone.
  void dismiss(const std::string& user, const protocol::AttemptId& id);

  /// What the hub asks. It outlives the hub.
  hub::BulkAccess access();

 private:
  struct Grant {
    std::set<std::string> files;        // "file SHA256", "executable SHA256", "tree SHA256"
    std::filesystem::path checkpoints;  // saved_checkpoints.hpp; empty: there are none
    std::set<std::string> left;         // of earlier attempts: digests
    std::set<std::string> fresh;        // of what has come since the last snapshot
    std::filesystem::path log;
    std::uint64_t log_limit = 0;
  };
  void allow(Grant& grant, const protocol::Input& input) const;
  Result<std::filesystem::path> fetch(const std::string& user, const protocol::Fetch& fetch);
  Result<hub::BulkAccess::Place> store(const std::string& user, const protocol::Store& store);
  Result<void> stored(const std::string& user, const protocol::Store& store,
                      const std::filesystem::path& path, const std::string& sha256);
  Result<void> stored_checkpoint(const std::string& user, const protocol::Store& store,
                                 const std::filesystem::path& path, const std::string& sha256);
  bool is_granted(const std::string& user, const std::string& what) const;
  Result<std::filesystem::path> fetch_checkpoint(const std::string& user,
                                                 const std::string& sha256) const;
  Grant* find(const std::string& user, const protocol::AttemptId& id);
  std::filesystem::path incoming_of(const std::string& user, const protocol::AttemptId& id) const;

  store::Artifacts artifacts_;
  const std::filesystem::path incoming_;
  mutable std::mutex mutex_;
  std::map<std::string, std::map<protocol::AttemptId, Grant>> grants_;  // by user
};

}  // namespace scanflow::runtime
