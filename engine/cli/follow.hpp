// Follows one run to its end, over as many engines as that takes: this process becomes the engine
// of the state directory where there is none, else it asks the one that is there; when that one
// ends first, it takes over. Over a server that one is asked, and waited for when it ends.
#pragma once

#include <functional>
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
  std::string run;  // to go on with, or the id of what is to be begun:
  std::optional<runtime::Submission> submission;
  std::optional<runtime::Prepared> prepared;
  nlohmann::json request = nullptr;  // over a server: what POST /api/v1/runs takes instead
  /// Told once, with the update "accepted", when no crash can undo that; may be null.
  std::function<void(const nlohmann::json& accepted)> begun;
  nlohmann::json accepted = nullptr;  // that update
};

struct Outcome {
  int exit = kEngine;
  std::string message;    // why there is no result
  nlohmann::json result;  // the document that `run -o json` ends with
};

/// Blocks. SIGINT, SIGTERM and SIGHUP cancel the run; the second one leaves at once (exit 130).
/// `cancel`: asks for that at the beginning.
Outcome follow(const Context& context, const runtime::StateDirectory& state, Target target,
               store::Durability durability, ProgressPrinter& printer, bool cancel = false);

/// Over a server: leaves as soon as it has committed to the run, or refused it; the Outcome's result
/// is then that of detached().
Outcome hand_over(const Context& context, Target target);
/// {"run", "pipeline", "namespace", "detached": true} of what an engine says of a run.
nlohmann::json detached(const nlohmann::json& run);

/// Looks on while others run it: never becomes the engine, and leaves it alone when it leaves. A
/// run that is over gives its result at once; one that nobody runs is an error.
Outcome watch(const Context& context, const runtime::StateDirectory& state, const std::string& run,
              ProgressPrinter& printer);

/// How it ended; no result where it has not.
Outcome recorded(const Context& context, const std::string& run);

/// Prints how it ended; gives the exit status.
int report(const Context& context, const Outcome& outcome);
/// Live on a terminal; silent with -o json.
ProgressPrinter::Style style_of(const Context& context, bool quiet);

}  // namespace scanflow::cli
