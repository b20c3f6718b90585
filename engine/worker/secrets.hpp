// The secrets of one attempt: what is done so that their values surface nowhere.
//
// Redacted is what the attempt writes (output_pipe.hpp) and what it says of itself: outputs, names
// and labels of metrics, progress, error messages. Not redacted are the arguments of its calls to
// the engine: the engine acts on them, and a part replaced would make it act on something else; they
// are not logged. Nor are the files of artifacts, which the attempt writes as it means them.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/worker/redactor.hpp"
#include "sdk/base/result.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::worker {

/// Immutable.
class Secrets {
 public:
  static constexpr std::size_t kMaxBytes = 64u << 10;  // of one value

  /// values: of environment variables, by name. Errors are the user's; they name the secret and say
  /// nothing of its value.
  static Result<std::shared_ptr<const Secrets>> of(
      const std::map<std::string, std::string>& values);

  const std::shared_ptr<const Patterns>& patterns() const { return patterns_; }
  /// Names of those that are too short to be redacted.
  const std::vector<std::string>& unprotected() const { return unprotected_; }

  std::string redact(std::string_view text) const { return worker::redact(patterns_, text); }
  void redact(protocol::Metric& metric) const;
  void redact(protocol::Progress& progress) const;
  /// Its message and outputs, which are nested at most kMaxNesting deep (command_files.hpp).
  void redact(protocol::Result& result) const;

 private:
  Secrets() = default;
  std::string redact_outputs(const std::string& outputs) const;
  nlohmann::json redacted(const nlohmann::json& value) const;

  std::shared_ptr<const Patterns> patterns_;
  std::set<std::string, std::less<>> values_;  // those that are redacted
  std::vector<std::string> unprotected_;
};

}  // namespace scanflow::worker
