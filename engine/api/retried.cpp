#include "engine/api/retried.hpp"

#include <fmt/format.h>

#include <utility>

#include "engine/runtime/retry.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::api {

Answer<Retried> retry_of(const store::Store& store, const std::string& run, const std::string& from,
                         const std::shared_ptr<const loader::Catalog>& catalog) {
  const auto events = store.events(run, 0, 1);
  const auto steps = store.steps(run);
  const auto rows = store.find_runs(run);
  if (!events || !steps || !rows || events->empty() || rows->empty())
    return broken("cannot read run " + run);
  if (rows->front().ended_us == 0) {
    return tl::unexpected(Failure{
        409, 2,
        fmt::format("run {0} is not over; 'scanflow runs resume {0}' goes on with one that was "
                    "interrupted",
                    run)});
  }
  const json created = json::parse(events->front().body).at("data");
  Retried retried{runtime::submission_from_json(created), {}};
  runtime::Submission& submission = retried.submission;
  submission.run = uuid_v7(wall_us() / 1000);
  submission.retry_of = run;
  submission.retry_from = from;
  submission.reuse = json::object();
  const auto whole = runtime::prepare(submission, catalog, &created);
  if (!whole) return wrong(whole.error().message);
  auto reuse = runtime::results_to_reuse(*whole->plan, *steps, from);
  if (!reuse) return wrong(reuse.error().message);
  submission.reuse = std::move(*reuse);
  auto prepared = runtime::prepare(submission, catalog, &created);
  if (!prepared) return wrong(prepared.error().message);
  retried.prepared = std::move(*prepared);
  return retried;
}

}  // namespace scanflow::api
