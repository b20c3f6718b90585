// The hub's threads: one owns the sockets that sidecars speak to, and a Core; another those of bulk, and a
// Bulk, so that no artifact holds a command up.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/hub/bulk.hpp"
#include "engine/hub/core.hpp"
#include "engine/hub/zap.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::hub {

/// TCP, with CURVE only.
struct HubNetwork {
  std::string tcp;             // "tcp://127.0.0.1:*"; empty: none
  std::string bulk_tcp;        // the same for bulk
  std::string secret_key;      // the hub's (Z85)
  ZapHandler::UserOf user_of;  // whose the key of a sidecar is
};

struct HubOptions {
  std::string boot_id;
  std::uint64_t term = 0;  // higher than that of any hub before
  HubLimits limits;
  /// An absolute path in a directory that only this user may enter; empty: none. Processes of this user,
  /// and no others, are let in as the user "local".
  std::string ipc;
  HubNetwork network;
  /// Nothing: no sidecar fetches or stores anything.
  std::optional<BulkAccess> bulk;
  BulkLimits bulk_limits;
  std::string bulk_ipc;  // as `ipc`

  std::string addresses() const;  // all of them, for people
};

class Hub {
 public:
  /// Begins to serve. The events are told on the hub's thread. For TCP it raises the limit of open
  /// files to what this process may have. An error: it cannot listen, or may not have as many files
  /// open as there may be sessions.
  static Result<std::unique_ptr<Hub>> start(HubOptions options, HubEvents events);
  /// Sessions end without a word: for the sidecars it is as if the hub had been killed.
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  /// Listens there too, from now on: where the options said no network.
  Result<void> listen(HubNetwork network);

  /// Runs it on the hub's thread, in the order of the calls. [any-thread]
  void post(std::function<void(Core& core, std::int64_t now_us)> work);
  /// Where the TCP socket listens, with its port; "" where there is none.
  const std::string& tcp() const;
  const std::string& bulk_tcp() const;  // the same of bulk's

 private:
  struct Impl;
  explicit Hub(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace scanflow::hub
