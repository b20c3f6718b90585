#include "engine/api/retried.hpp"

#include <fmt/format.h>

#include <utility>

#include "engine/runtime/retry.hpp"
#include "engine/runtime/run_facts.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::api {
namespace {

/// An error where `step` ("call/train") names none of a run that the run has called.
Answer<void> check_within(const store::Store& store, const std::string& run,
                          const std::string& step) {
  for (const auto& [call, called] : runtime::called_runs(store, run)) {
    if (!step.starts_with(call + "/")) continue;
    const std::string inner = step.substr(call.size() + 1);
    const auto steps = store.steps(called);
    if (!steps) return broken(steps.error().message);
    for (const store::StepRow& each : *steps) {
      if (inner == each.id || inner == each.id.substr(0, each.id.find('['))) return {};
      if (inner.starts_with(each.id + "/")) return check_within(store, called, inner);
    }
    return wrong(
        fmt::format("run {}, which {} calls, has no step '{}'", short_id(called), call, inner));
  }
  return {};
}

}  // namespace

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
  if (auto known = check_within(store, run, from); !known) return tl::unexpected(known.error());
  auto prepared = runtime::prepare(submission, catalog, &created);
  if (!prepared) return wrong(prepared.error().message);
  retried.prepared = std::move(*prepared);
  return retried;
}

}  // namespace scanflow::api
