// A service's process: loads its models, serves the protocol on one socket and what its supervisor asks on
// another, until it is told to end.
#pragma once

#include "engine/infer/document.hpp"

namespace scanflow::infer {

struct HostOptions {
  /// stdin is held open by whoever started it: its end is theirs, and ends this process too.
  bool with_parent = false;
};

/// Blocks until SIGTERM, SIGINT or its parent's end; what is on its way then is answered first. Writes
/// "ready" to stdout once it serves. Returns the exit status: 0, or 1 where it could not serve
/// (stderr says why).
int run_host(const ServiceDocument& document, const HostOptions& options);

}  // namespace scanflow::infer
