// What POST /api/v1/runs asks for. Private to engine/api.
#pragma once

#include "engine/api/api.hpp"
#include "engine/api/runs.hpp"
#include "engine/runtime/submission.hpp"

namespace scanflow::api {

struct Submitted {
  runtime::Submission submission;
  runtime::Environment environment;
};

/// A body that is a pipeline itself (YAML, or JSON with apiVersion), or a JSON object that says more.
/// A registered pipeline is looked up in the store.
Answer<Submitted> read_submission(const Request& request, const ApiOptions& options);

}  // namespace scanflow::api
