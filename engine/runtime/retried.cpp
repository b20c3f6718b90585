#include "engine/runtime/retried.hpp"

#include <fmt/format.h>

#include <utility>

#include "engine/runtime/retry.hpp"
#include "engine/runtime/run_facts.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::runtime {
namespace {

tl::unexpected<NotRetried> unless(NotRetried::Why why, std::string message) {
  return tl::unexpected<NotRetried>({why, std::move(message)});
}
tl::unexpected<NotRetried> broken(std::string message) {
  return unless(NotRetried::Why::unreadable, std::move(message));
}
tl::unexpected<NotRetried> wrong(std::string message) {
  return unless(NotRetried::Why::wrong, std::move(message));
}

/// An error where `step` ("call/train") names none of a run that the run has called.
tl::expected<void, NotRetried> check_within(const store::Store& store, const std::string& run,
                                            const std::string& step) {
  for (const auto& [call, called] : called_runs(store, run)) {
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

tl::expected<Retried, NotRetried> retry_of(const store::Store& store, const std::string& run,
                                           const std::string& from, const std::string& as,
                                           const std::shared_ptr<const loader::Catalog>& catalog) {
  const auto events = store.events(run, 0, 1);
  const auto steps = store.steps(run);
  const auto rows = store.find_runs(run);
  if (!events || !steps || !rows || events->empty() || rows->empty())
    return broken("cannot read run " + run);
  if (rows->front().ended_us == 0) {
    return unless(
        NotRetried::Why::goes_on,
        fmt::format("run {0} is not over; 'scanflow runs resume {0}' goes on with one that was "
                    "interrupted",
                    run));
  }
  const json created = json::parse(events->front().body).at("data");
  Retried retried{submission_from_json(created), {}};
  Submission& submission = retried.submission;
  submission.run = as;
  submission.retry_of = run;
  submission.retry_from = from;
  submission.reuse = json::object();
  const auto whole = prepare(submission, catalog, &created);
  if (!whole) return wrong(whole.error().message);
  auto reuse = results_to_reuse(*whole->plan, *steps, from);
  if (!reuse) return wrong(reuse.error().message);
  submission.reuse = std::move(*reuse);
  if (auto known = check_within(store, run, from); !known) return tl::unexpected(known.error());
  auto prepared = prepare(submission, catalog, &created);
  if (!prepared) return wrong(prepared.error().message);
  retried.prepared = std::move(*prepared);
  return retried;
}

}  // namespace scanflow::runtime
