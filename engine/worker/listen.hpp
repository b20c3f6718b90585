// Unix sockets that nobody but this user may connect to.
#pragma once

#include <string>

#include "engine/worker/unique_fd.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::worker {

/// A non-blocking stream socket that listens there; what was there before is replaced.
Result<UniqueFd> listen_at(const std::string& path);

}  // namespace scanflow::worker
