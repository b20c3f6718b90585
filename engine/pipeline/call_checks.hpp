// Is what a step gives to the pipeline that it calls what that one takes?
#pragma once

#include "engine/pipeline/problems.hpp"
#include "engine/pipeline/step_reader.hpp"

namespace scanflow::pipeline {

/// Names against its parameters, values that are known now against their types.
void check_call(const StepDraft& draft, const Pipeline& called, Problems& problems);

}  // namespace scanflow::pipeline
