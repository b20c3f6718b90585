// Secrets of steps: where their values come from. A pipeline, its events and the cache hold only
// where that is; a value is looked up when an attempt is launched, and kept nowhere.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "engine/pipeline/spec.hpp"
#include "engine/runtime/submission.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

/// `environment`: of whoever asked for the run. Of a file one line break at its end is left out; a
/// relative path starts at `directory`. The error says what is missing and the fix, and nothing of
/// any value.
/// Of a cluster's Secret nothing is looked up here: its Pod gets it.
Result<std::string> find_secret(const pipeline::Secret& secret, const Environment& environment,
                                const std::string& directory);

/// Has the step a process that could read them?
bool takes_secrets(const pipeline::Step& step);

/// What of the secrets cannot be found, step by step, also in pipelines that are called;
/// of steps that are `wanted` (all, where that is empty). Each an error as of a file that is wrong.
std::vector<std::string> missing_secrets(
    const pipeline::Pipeline& pipeline, const Environment& environment,
    const std::string& directory, const std::function<bool(const pipeline::Step&)>& wanted = {});

/// Such errors as one text; `then`: what became of it.
std::string render_missing(const std::vector<std::string>& missing, const std::string& then);

/// The variables that secrets are taken from, also by pipelines that are called. Their values are in
/// no event (expressions do not see them) and in no environment of a step that does not name them.
std::set<std::string> secret_variables(const pipeline::Pipeline& pipeline);

}  // namespace scanflow::runtime
