// The directory that a step's attempts share (protocol::Request::checkpoints).
#pragma once

#include <string>

#include "sdk/base/result.hpp"

namespace scanflow::worker {

/// Makes it, for this user alone, where it is missing: only for those who want it, since a directory
/// costs as much as a tenth of a small step.
Result<void> make_checkpoint_directory(const std::string& path);
/// Whether an earlier attempt has left something there.
bool has_checkpoints(const std::string& path);
/// What the attempt's log says of that; no line end.
std::string checkpoints_note(const std::string& path);

}  // namespace scanflow::worker
