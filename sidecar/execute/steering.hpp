// What a pipeline says about acting on a step (its `sidecar` settings), as the sidecar reads it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::execute {

using Argv = std::vector<std::string>;

struct Steering {
  std::vector<std::string> rules;     // as collect::parse_rule reads them
  std::map<std::string, Argv> hooks;  // of exec_hook, by name
  /// How it is asked for a checkpoint where it offers none: a signal or a program, and the file that
  /// is there then (absolute; empty: nothing is looked for).
  int checkpoint_signal = 0;
  Argv checkpoint_program;
  std::string checkpoint_file;
  /// A liveness probe ends it when it does not answer for so long: it is paused for less only. 0: none.
  std::int64_t liveness_us = 0;
};

/// {"rules": ["..."], "hooks": {"name": ["program", ...]}, "checkpoint": {"signal": "SIGUSR1" or
/// "program": [...], "file": "/..."}, "liveness": "30s"}. Fields that are not known are ignored: they
/// are of a newer engine.
Result<Steering> parse_steering(std::string_view text);

}  // namespace scanflow::execute
