// A service's process: loads its models, serves the protocol on one socket and what its supervisor asks on
// another, until it is told to end.
#pragma once

#include <chrono>
#include <string>

#include "engine/infer/document.hpp"

namespace scanflow::infer {

struct HostOptions {
  /// stdin is held open by whoever started it: its end is theirs, and ends this process too.
  bool with_parent = false;
  /// In a Pod: whoever reaches it may ask; its sidecar at this socket tells it the versions that the
  /// document leaves open (steered.hpp). Empty: it is in none.
  std::string sidecar;
  /// At its end it says that it is not ready, and serves on for so long: clients are told elsewhere
  /// with a delay.
  std::chrono::milliseconds linger{0};
};

/// Blocks until SIGTERM, SIGINT or its parent's end; what is on its way then is answered first. Writes
/// "ready" to stdout once it serves. Returns the exit status: 0, or 1 where it could not serve
/// (stderr says why).
int run_host(const ServiceDocument& document, const HostOptions& options);

}  // namespace scanflow::infer
