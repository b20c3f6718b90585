// What is different between two texts of a pipeline, in the words of people.
#pragma once

#include <string>
#include <vector>

#include "engine/pipeline/spec.hpp"

namespace scanflow::pipeline {

/// `before`, `now`: the documents as JSON. One for each step, parameter and field of the pipeline
/// that was added, removed or changed: "step 'train' changed (with, timeout)".
std::vector<std::string> differences(const json& before, const json& now);

}  // namespace scanflow::pipeline
