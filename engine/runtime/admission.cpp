#include "engine/runtime/admission.hpp"

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

}  // namespace

bool needs_admission(const Submission&, const Prepared& prepared) {
  return has_secrets(*prepared.plan->pipeline);
}

Result<void> admit(Submission& submission, const Prepared& prepared,
                   const Environment& environment) {
  const pipeline::Pipeline& pipeline = *prepared.plan->pipeline;
  for (const std::string& variable : secret_variables(pipeline))
    submission.options.env.erase(variable);
  const auto missing = missing_secrets(pipeline, environment, submission.options.directory);
  if (!missing.empty()) return fail(render_missing(missing, "nothing was run"));
  return {};
}

}  // namespace scanflow::runtime
