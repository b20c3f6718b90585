// What the API server fills in.
#pragma once

#include "tests/support/kube/cluster.hpp"

namespace scanflow::test::kube {

/// Of a new object.
void set_defaults(Cluster& cluster, const Resource& resource, json& object);
/// Of a Pod's spec, also within a template: without what its ServiceAccount and nodes add.
void set_pod_spec_defaults(json& spec);
/// "Guaranteed", "Burstable", "BestEffort".
std::string qos_of(const json& spec);

}  // namespace scanflow::test::kube
