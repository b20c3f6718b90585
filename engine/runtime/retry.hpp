// Which results of a run a new one may use again.
#pragma once

#include <string>
#include <vector>

#include "engine/pipeline/plan.hpp"
#include "engine/store/rows.hpp"

namespace scanflow::runtime {

using nlohmann::json;

/// All that succeeded, but what `from` names (a step, one instance, or what a step has called:
/// call/step; empty: nothing) and what depends on something that runs again. Handlers always run again. `steps`: as the run left them.
/// The result: step -> {"outputs", "artifacts", "from"}. An error where `from` is not there, or
/// where nothing would run.
Result<json> results_to_reuse(const pipeline::Plan& plan, const std::vector<store::StepRow>& steps,
                              const std::string& from);

}  // namespace scanflow::runtime
