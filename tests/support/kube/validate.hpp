// What the API server finds wrong with objects (422). Pure.
#pragma once

#include "tests/support/kube/resource.hpp"

namespace scanflow::test::kube {

/// Throws Refusal.
void validate_new(const Resource& resource, const json& object);
void validate_change(const Resource& resource, const json& before, const json& after);

}  // namespace scanflow::test::kube
