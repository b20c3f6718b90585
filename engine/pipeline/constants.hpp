// Expressions that depend on parameters alone, tried before a run begins.
#pragma once

#include <string>
#include <vector>

#include "engine/pipeline/spec.hpp"

namespace scanflow::pipeline {

/// With the run's parameters bound: each expression over them alone that fails, or a `when` of them
/// that is neither true nor false, as "file:line:col: field of 'step': why".
std::vector<std::string> constant_problems(const Pipeline& pipeline, const json& params);

}  // namespace scanflow::pipeline
