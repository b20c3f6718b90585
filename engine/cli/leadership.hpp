// Of several servers in a cluster one is the engine: who holds the Lease. Whoever loses it is gone before the next
// one begins.
#pragma once

#include <memory>
#include <string>

#include "engine/kube/elector.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::cli {

/// Waits until this process leads, as long as it is not told to end (then: null). `lease`: NAMESPACE/NAME. Until then
/// HTTP at `address` says that it is ready to, and who leads. When the lease is lost later, this process ends at once, as if it were killed: what it runs goes on, and is found again.
Result<std::unique_ptr<kube::Elector>> lead(const std::string& lease, const std::string& address);

}  // namespace scanflow::cli
