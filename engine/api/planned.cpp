#include "engine/api/planned.hpp"

#include <utility>

#include "engine/runtime/applications.hpp"
#include "engine/runtime/dry_run.hpp"
#include "engine/runtime/machine_capacity.hpp"

namespace scanflow::api {

Answer<json> plan_run(const runtime::StateDirectory& state, runtime::Submission submission,
                      std::shared_ptr<const loader::Catalog> catalog,
                      const runtime::Environment& environment) {
  const store::Artifacts artifacts(state.artifacts());
  const auto prepared =
      runtime::prepare_dry(submission, std::move(catalog), environment, artifacts);
  if (!prepared) return wrong(prepared.error().message);
  std::unique_ptr<store::Store> store;
  if (store::Store::exists(state.root)) {
    auto opened = store::Store::open_read_only(state.root);
    if (!opened) return broken(opened.error().message);
    store = std::move(*opened);
  }
  const auto applications = runtime::find_applications(store.get());
  if (!applications) return broken(applications.error().message);
  const auto refused = pipeline::refusals(
      *applications, {*prepared->plan->pipeline, submission.version, submission.caller_namespace});
  if (!refused.empty()) return wrong(pipeline::render_refusals(refused, "nothing would be run"));
  return runtime::dry_run(submission, *prepared, store.get(), artifacts,
                          runtime::machine_capacity());
}

}  // namespace scanflow::api
