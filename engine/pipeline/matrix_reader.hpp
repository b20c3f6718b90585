// The axes of a step, and the combinations of their values.
#pragma once

#include <vector>

#include "engine/pipeline/step_reader.hpp"

namespace scanflow::pipeline {

void read_matrix(const Node& matrix, Step& step, std::vector<ExpressionSite>& expressions,
                 Problems& problems);

}  // namespace scanflow::pipeline
