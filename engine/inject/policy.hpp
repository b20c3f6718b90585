// The third way in: a MutatingAdmissionPolicy (stable in Kubernetes 1.36), which an API server carries
// out by itself, without a webhook and its certificate. Its expressions are made of the same parts
// that inject() puts into a Pod. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "engine/inject/settings.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::inject {

/// Of the namespaces whose Pods get a sidecar, by webhook or policy.
inline constexpr std::string_view kNamespaceLabel = "scanflow.dev/injection";

/// The policy and its binding, named scanflow-injection. It injects into new Pods as inject() does, but:
/// nothing takes out again what it put in, as a Pod cannot be changed; of annotations it reads
/// scanflow.dev/inject alone, and a Pod with other settings of its own is left to the other ways in,
/// as are those of kube-system, and those with more than 32 containers. An error names a setting that it cannot carry out.
Result<nlohmann::json> admission_policy(const Settings& settings);

}  // namespace scanflow::inject
