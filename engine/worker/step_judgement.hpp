// What a plugin's answer means for the attempt: shared by every place that runs plugins (the step
// host, and the inproc backend).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "sdk/loader/step_instance.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::worker {

/// Sets status, cause, message and outputs. cancelled: the step was asked to end.
void judge_outcome(const loader::StepOutcome& outcome, bool cancelled, protocol::Result& result);

using Announced = std::map<std::string, bool, std::less<>>;  // artifact -> is it a directory

/// Adds the announced artifacts that lie in `directory` to the result of a successful step; one
/// that is missing, or of the other kind, fails it.
void collect_artifacts(const std::string& directory, const Announced& announced,
                       protocol::Result& result);

/// One line of an attempt's log: "warning: text\n".
std::string log_line(std::int32_t level, std::string_view text);

}  // namespace scanflow::worker
