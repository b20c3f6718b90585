// What a plugin's answer means for the attempt.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "sdk/loader/step_instance.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::worker {

/// Sets status, cause, message and outputs. cancelled: the step was asked to end.
void judge_outcome(const loader::StepOutcome& outcome, bool cancelled, protocol::Result& result);

/// The artifacts that a step announces. [any-thread]
class StepArtifacts {
 public:
  /// directory: where to put them; made with the first one where it is missing.
  explicit StepArtifacts(std::string directory) : directory_(std::move(directory)) {}

  /// host.artifacts/1: the path for it.
  Result<std::string> announce(std::string_view name, bool is_directory);
  /// Adds them to the result of a successful step; one that is missing, or of the other kind, fails
  /// it.
  void collect(protocol::Result& result);
  bool any();
  const std::string& directory() const { return directory_; }

 private:
  const std::string directory_;
  std::mutex mutex_;
  std::map<std::string, bool, std::less<>> announced_;  // name -> is it a directory
};

/// One line of an attempt's log: "warning: text\n".
std::string log_line(std::int32_t level, std::string_view text);

/// Bytes of the attempt's log that are kept: its beginning.
std::uint64_t log_limit_of(const protocol::Request& request);
/// What a log says, once, where it was cut.
std::string full_log_line(std::uint64_t limit);

}  // namespace scanflow::worker
