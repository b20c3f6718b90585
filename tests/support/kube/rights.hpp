// Who may do what: RBAC of the Roles and bindings that are stored. Pure.
#pragma once

#include <string>

#include "tests/support/kube/cluster.hpp"
#include "tests/support/kube/route.hpp"

namespace scanflow::test::kube {

/// As a SubjectAccessReview asks.
struct Access {
  std::string verb, group, resource, subresource, name, name_space, path;
};
Access access_of(const Route& route, const std::string& path);

bool may(const Cluster& cluster, const User& user, const Access& access);
/// Throws Refusal (403) in the server's words.
void check_rights(const Cluster& cluster, const User& user, const Route& route,
                  const std::string& path);
/// The rules that hold for a user in a namespace.
json rules_of(const Cluster& cluster, const User& user, const std::string& name_space);

}  // namespace scanflow::test::kube
