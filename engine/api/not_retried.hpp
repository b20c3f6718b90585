// Why a run is not begun again, as HTTP and the command line tell it.
#pragma once

#include "engine/api/runs.hpp"
#include "engine/runtime/retried.hpp"

namespace scanflow::api {

inline tl::unexpected<Failure> failure_of(const runtime::NotRetried& problem) {
  using Why = runtime::NotRetried::Why;
  if (problem.why == Why::unreadable) return broken(problem.message);
  if (problem.why == Why::goes_on) return tl::unexpected(Failure{409, 2, problem.message});
  return wrong(problem.message);
}

}  // namespace scanflow::api
