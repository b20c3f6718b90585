// The fields of a Pod's spec that a step may give: pod_template_fields() (fields.hpp), as Kubernetes 1.36 has them.
#pragma once

#include <string_view>

namespace scanflow::pipeline {

/// Of fields that are the engine's to set, or stand elsewhere: what to write instead; empty: it is none of these.
std::string_view instead_of_pod_field(std::string_view name);

}  // namespace scanflow::pipeline
