// What POST /api/v1/runs asks for. Private to engine/api.
#pragma once

#include "engine/api/api.hpp"
#include "engine/api/runs.hpp"
#include "engine/runtime/submission.hpp"

namespace scanflow::api {

struct Submitted {
  runtime::Submission submission;
  runtime::Environment environment;
  std::shared_ptr<const loader::Catalog> catalog;  // by which it was read
};

/// A body that is a pipeline itself (YAML, or JSON with apiVersion), or a JSON object:
///   "source": a pipeline's text, with "file" (its name), "sources" (the texts of the files that it
///     calls; without it they are read from disk here) and "namespace"
///   or "pipeline": the name of a registered one, looked up in "namespace" where it says none
///   In either "namespace" is whose rights hold, where it is a team's of an application
///   or "retry_of": a run, with "from" (a step that runs again too)
///   "run": an id, so that sending it again makes no second run; "params", "options" (submission.hpp)
///   and "environment", which is the server's own where it is not said
/// What is registered is looked up in the store.
Answer<Submitted> read_submission(const Request& request, const ApiOptions& options);

}  // namespace scanflow::api
