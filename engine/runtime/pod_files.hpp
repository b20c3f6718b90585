// What Pods may fetch of the artifact store and bring to it: only what their attempts were given, and only
// while these run. Asked by the hub's bulk thread, told by the engine's. [any-thread]
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "engine/hub/bulk.hpp"
#include "engine/store/artifacts.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::runtime {

class PodFiles {
 public:
  /// `incoming`: where that lies which has not come whole yet; it may survive the engine.
  PodFiles(store::Artifacts artifacts, std::filesystem::path incoming);

  /// The Pod of this user runs the attempt: it may have its inputs, bring its artifacts, and write its log
  /// there.
  void admit(const std::string& user, const protocol::Request& request, std::filesystem::path log);
  /// It is over: what has not come whole is gone.
  void dismiss(const std::string& user, const protocol::AttemptId& id);

  /// What the hub asks. It outlives the hub.
  hub::BulkAccess access();

 private:
  struct Grant {
    std::set<std::string> files;  // "file SHA256", "executable SHA256", "tree SHA256"
    std::filesystem::path log;
    std::uint64_t log_limit = 0;
  };
  Result<std::filesystem::path> fetch(const std::string& user, const protocol::Fetch& fetch);
  Result<hub::BulkAccess::Place> store(const std::string& user, const protocol::Store& store);
  Result<void> stored(const protocol::Store& store, const std::filesystem::path& path,
                      const std::string& sha256);
  bool is_granted(const std::string& user, const std::string& what) const;
  std::filesystem::path incoming_of(const std::string& user, const protocol::AttemptId& id) const;

  store::Artifacts artifacts_;
  const std::filesystem::path incoming_;
  mutable std::mutex mutex_;
  std::map<std::string, std::map<protocol::AttemptId, Grant>> grants_;  // by user
};

}  // namespace scanflow::runtime
