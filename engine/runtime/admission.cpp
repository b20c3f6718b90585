#include "engine/runtime/admission.hpp"

#include <fmt/format.h>

#include <utility>

#include "engine/runtime/inputs.hpp"
#include "engine/runtime/secrets.hpp"

namespace scanflow::runtime {
namespace {

bool has_secrets(const pipeline::Pipeline& pipeline) {
  for (const pipeline::Step& step : pipeline.steps) {
    if (!step.secrets.empty()) return true;
    if (step.uses == "pipeline" && has_secrets(*pipeline.calls.at(step.call))) return true;
  }
  return false;
}

/// From now on as young as one that was just made; an error where it is gone.
Result<void> hold(const json& artifact, const store::Artifacts& artifacts) {
  if (artifacts.touch(artifact.value("sha256", ""), artifact.value("directory", false))) return {};
  return fail(fmt::format("{} is not in the store any more", artifact.value("path", "")));
}

Result<void> hold_params(const Submission& submission, const pipeline::Pipeline& pipeline,
                         const store::Artifacts& artifacts) {
  for (const pipeline::Param& param : pipeline.params) {
    const auto given = submission.params.find(param.name);
    if (param.type != "artifact" || given == submission.params.end()) continue;
    if (auto held = hold(*given, artifacts); !held) {
      return fail(fmt::format("parameter '{0}': {1}; give it again: --input {0}=PATH", param.name,
                              held.error().message));
    }
  }
  return {};
}

Result<void> hold_reused(const Submission& submission, const store::Artifacts& artifacts) {
  for (const auto& [step, result] : submission.reuse.items()) {
    const json artifacts_of_step = result.value("artifacts", json::object());
    for (const auto& [name, artifact] : artifacts_of_step.items()) {
      if (auto held = hold(artifact, artifacts); !held) {
        return fail(fmt::format(
            "the artifact '{}' of step {}: {}; let the step run again: "
            "scanflow runs retry {} --from {}",
            name, step, held.error().message, submission.retry_of, step.substr(0, step.find('['))));
      }
    }
  }
  return {};
}

}  // namespace

bool needs_admission(const Submission& submission, const Prepared& prepared) {
  const pipeline::Pipeline& pipeline = *prepared.plan->pipeline;
  for (const pipeline::Param& param : pipeline.params) {
    if (param.type == "artifact") return true;
  }
  return !submission.reuse.empty() || has_secrets(pipeline);
}

Result<Prepared> admit(Submission& submission, Prepared prepared, const Environment& environment,
                       store::Artifacts& artifacts) {
  const pipeline::Pipeline& pipeline = *prepared.plan->pipeline;
  for (const std::string& variable : secret_variables(pipeline))
    submission.options.env.erase(variable);
  const auto missing = missing_secrets(pipeline, environment, submission.options.directory);
  if (!missing.empty()) return fail(render_missing(missing, "nothing was run"));
  const auto taken = take_inputs(pipeline, submission.params, artifacts);
  if (!taken) return tl::unexpected(taken.error());
  if (auto held = hold_params(submission, pipeline, artifacts); !held)
    return tl::unexpected(held.error());
  if (auto held = hold_reused(submission, artifacts); !held) return tl::unexpected(held.error());
  // What depends on parameters is computed from the artifacts, not from what stood for them.
  if (*taken > 0) return prepare(submission, prepared.catalog);
  return prepared;
}

}  // namespace scanflow::runtime
