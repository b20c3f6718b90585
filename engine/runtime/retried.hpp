// A new run of what another one ran: what succeeded is used again, the rest runs.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "engine/runtime/submission.hpp"
#include "engine/store/store.hpp"
#include "sdk/loader/catalog.hpp"

namespace scanflow::runtime {

struct Retried {
  Submission submission;
  Prepared prepared;
};
/// Why there is none.
struct NotRetried {
  enum class Why { unreadable, goes_on, wrong } why = Why::wrong;
  std::string message;
};

/// `run`: a whole id, of one that is over; `as`: the id of the new one. `from`: a step that runs again too, and what
/// depends on it; or empty.
tl::expected<Retried, NotRetried> retry_of(const store::Store& store, const std::string& run,
                                           const std::string& from, const std::string& as,
                                           const std::shared_ptr<const loader::Catalog>& catalog);

}  // namespace scanflow::runtime
