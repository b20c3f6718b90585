// A new run of what another one ran: what succeeded is used again, the rest runs.
#pragma once

#include <memory>
#include <string>

#include "engine/api/runs.hpp"
#include "engine/runtime/submission.hpp"
#include "engine/store/store.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::api {

struct Retried {
  runtime::Submission submission;  // with an id of its own
  runtime::Prepared prepared;
};

/// `run`: a whole id, of one that is over. `from`: a step that runs again too, and what depends on
/// it; or empty.
Answer<Retried> retry_of(const store::Store& store, const std::string& run, const std::string& from,
                         const std::shared_ptr<const loader::Catalog>& catalog);

}  // namespace scanflow::api
