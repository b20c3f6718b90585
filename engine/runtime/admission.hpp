// What must hold, and be there, before a run begins, beyond its pipeline being right.
#pragma once

#include "engine/runtime/submission.hpp"
#include "engine/store/artifacts.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

/// Is there anything for admit() to do?
bool needs_admission(const Submission& submission, const Prepared& prepared);

/// Takes files into the store that the run begins with; holds artifacts that it uses again against
/// the garbage collection until that is committed; finds the secrets in `environment`, and takes
/// them out of what is recorded. Reads and writes files: not for the strand. Gives `prepared`, or
/// what has become of it by that. The error is what the user should see, all problems in one text.
Result<Prepared> admit(Submission& submission, Prepared prepared, const Environment& environment,
                       store::Artifacts& artifacts);

}  // namespace scanflow::runtime
