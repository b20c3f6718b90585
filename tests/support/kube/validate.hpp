// What the API server finds wrong with objects (422). Pure.
#pragma once

#include <vector>

#include "tests/support/kube/resource.hpp"
#include "tests/support/kube/status.hpp"

namespace scanflow::test::kube {

/// Throws Refusal.
void validate_new(const Resource& resource, const json& object);
void validate_change(const Resource& resource, const json& before, const json& after);

/// Of those: what is wrong with an Event.
void check_event(const json& event, std::vector<Cause>& causes);
void check_event_change(const json& before, const json& after, std::vector<Cause>& causes);

}  // namespace scanflow::test::kube
