// What must hold, and be there, before a run begins, beyond its pipeline being right.
#pragma once

#include <string>

#include "engine/runtime/submission.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

/// Is there anything for admit() to do?
bool needs_admission(const Submission& submission, const Prepared& prepared);

/// Secrets are there, in `environment`, and out of what is recorded. Reads files: not for the
/// strand. The error is what the user should see, all problems in one text.
Result<void> admit(Submission& submission, const Prepared& prepared,
                   const Environment& environment);

}  // namespace scanflow::runtime
