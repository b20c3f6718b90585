// What a check has found, for people and for programs.
#pragma once

#include <vector>

#include "engine/cli/context.hpp"
#include "sdk/base/finding.hpp"

namespace scanflow::cli {

/// Prints each point, and what to do about it; kEngine where one is a problem, and then `not_ready` as the error.
int show_findings(const Context& context, const std::vector<Finding>& findings,
                  const char* not_ready);

}  // namespace scanflow::cli
