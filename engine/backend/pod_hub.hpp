// What a backend of Pods needs of the engine's hub. Belongs to the engine's strand.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "engine/hub/peer.hpp"
#include "sdk/base/result.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::backend {

/// Where sidecars in Pods find the hub on this machine.
struct HubAddress {
  std::uint16_t port = 0, bulk_port = 0;
  std::string public_key;  // Z85
};

/// Curve keys (Z85).
struct KeyPair {
  std::string public_key, secret_key;
};

/// Where what comes of an attempt in a Pod is put.
struct AttemptFiles {
  std::filesystem::path log;
  std::filesystem::path checkpoints;  // as in Request, on this machine; empty: there are none
};

class PodHub {
 public:
  virtual ~PodHub() = default;
  /// Calls back once it listens on the network, or with why it cannot. `where_it_was`: Pods look for it on
  /// the ports of the hub before; else others will do where these are taken.
  virtual void listen(bool where_it_was, std::function<void(Result<HubAddress>)> then) = 0;
  /// The keys of a Pod: the same each time that it is asked, also by a later engine.
  virtual KeyPair keys_of(const std::string& pod) = 0;
  /// From now on the sidecar of this Pod is let in, as the user of its name; or not any more.
  virtual void admit(const std::string& pod) = 0;
  virtual void dismiss(const std::string& pod) = 0;
  /// It may have the inputs of this attempt and what earlier ones have left, and bring what comes of it.
  virtual void grant(const std::string& pod, const protocol::Request& request,
                     const AttemptFiles& places) = 0;
  virtual void revoke(const std::string& pod, const protocol::AttemptId& id) = 0;
  /// Lost where it is not attached.
  virtual void tell(const hub::SidecarKey& to, protocol::Body order) = 0;
  /// What came with this number is committed, or not wanted.
  virtual void delivered(const hub::SidecarKey& from, std::uint64_t number) = 0;
};

}  // namespace scanflow::backend
