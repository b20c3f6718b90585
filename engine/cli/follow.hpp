// Follows one run to its end, over as many engines as that takes: this process becomes the engine
// of the state directory where there is none, else it asks the one that is there; when that one
// ends first, it takes over.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "engine/cli/context.hpp"
#include "engine/cli/progress.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/store/store.hpp"

namespace scanflow::cli {

struct Target {
  std::string run;  // to go on with, or else to be begun:
  std::optional<runtime::Submission> submission;
  std::optional<runtime::Prepared> prepared;
};

struct Outcome {
  int exit = kEngine;
  std::string message;    // why there is no result
  nlohmann::json result;  // the document that `run -o json` ends with
};

/// Blocks. SIGINT, SIGTERM and SIGHUP cancel the run; the second one leaves at once (exit 130).
Outcome follow(const Context& context, const runtime::StateDirectory& state, Target target,
               store::Durability durability, ProgressPrinter& printer);

}  // namespace scanflow::cli
