// The fields of a Pod's spec that a step may give: pod_template_fields() (fields.hpp), as Kubernetes 1.36 has them.
#pragma once

#include <span>
#include <string_view>
#include <utility>

namespace scanflow::pipeline {

/// Of fields that are the engine's to set, or stand elsewhere: what to write instead; empty: it is none of these.
std::string_view instead_of_pod_field(std::string_view name);

/// Fields of `placement` (placement_fields()), and what a Pod's spec calls them.
std::span<const std::pair<std::string_view, std::string_view>> placement_names();

}  // namespace scanflow::pipeline
