// Unix sockets that nobody but this user may connect to.
#pragma once

#include <string>

#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"

namespace scanflow {

/// A non-blocking stream socket that listens there; what was there before is replaced.
Result<UniqueFd> listen_at(const std::string& path);
/// A stream socket that is connected to it; an error where nobody listens there.
Result<UniqueFd> connect_to(const std::string& path);

}  // namespace scanflow
