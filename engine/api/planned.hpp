// What a run would do (runtime/dry_run.hpp), on a state directory. Nothing is run or written.
#pragma once

#include <memory>

#include "engine/api/runs.hpp"
#include "engine/runtime/submission.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::api {

/// `environment`: of whoever asks; secrets are looked for in it.
Answer<json> plan_run(const runtime::StateDirectory& state, runtime::Submission submission,
                      std::shared_ptr<const loader::Catalog> catalog,
                      const runtime::Environment& environment);

}  // namespace scanflow::api
