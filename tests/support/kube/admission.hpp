// Who else has a say before something is stored: an ending namespace, quotas, Pod Security, the
// test's webhooks.
#pragma once

#include <string>
#include <vector>

#include "tests/support/kube/cluster.hpp"

namespace scanflow::test::kube {

/// Before its name is looked at. Throws Refusal.
void admit_namespace(Cluster& cluster, const Resource& resource, const std::string& name_space,
                     const std::string& name);
/// Of what would be stored. `verb`: create, update, delete.
void admit(Cluster& cluster, const Resource& resource, const std::string& verb, const json& object);
/// The same without quotas: of changes.
void admit_by_webhooks(Cluster& cluster, const std::string& verb, const json& object);

/// What the restricted profile has against a Pod: each as the server says it. Pure.
std::vector<std::string> restricted_violations(const json& pod_spec);

/// "500m", "2", "1Gi" as a number.
double quantity(const json& amount);
/// What a Pod's containers ask for together: "requests.cpu", "limits.memory", ...
double total_of(const json& pod_spec, const std::string& what);

}  // namespace scanflow::test::kube
