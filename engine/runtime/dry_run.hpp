// What a run would do, as far as that can be known before: nothing is run, nothing is written.
#pragma once

#include "engine/run/scheduler.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/store/artifacts.hpp"
#include "engine/store/store.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

/// Files given as inputs are digested where they lie, so that the cache can be asked; secrets are
/// looked for. The error is what the user should see. `submission` is of no run.
Result<Prepared> prepare_dry(Submission& submission, std::shared_ptr<const loader::Catalog> catalog,
                             const Environment& environment, const store::Artifacts& artifacts);

/// `store`: null where there is none yet. The document that `run --dry-run -o json` ends with:
///   {"dry_run": true, "pipeline", "namespace", "file", "params": {...}, "steps": [{
///     "name", "uses", "phase", "level",  // level: those of one could run at once; from 1 per phase
///     "depth",                           // > 0: of a pipeline that a step before it calls
///     "matrix": {...}, "item",           // of an instance; null: it is none
///     "needs": [names], "with": {...},   // as far as it is known
///     "status":  "would_run" | "would_ask" (an approval) | "cached" | "skipped"
///              | "unknown" (until what it refers to has run) | "refused" (it can never start here)
///              | "would_fail" (its expressions or configuration are wrong),
///     "message": why, or "",
///     "until": [names],                                // of unknown
///     "cached": {"run", "step", "age_seconds"}}, ...]}  // of cached; else null
/// The instances of a for_each whose list is known follow their step; so do the steps of a pipeline
/// that a step calls with parameters that are known, named "call/step".
json dry_run(const Submission& submission, const Prepared& prepared, const store::Store* store,
             const store::Artifacts& artifacts, const run::Capacity& capacity);

}  // namespace scanflow::runtime
