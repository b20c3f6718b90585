// What a request is about: read from its method and path alone. Pure.
#pragma once

#include <optional>
#include <string>

#include "engine/http/message.hpp"
#include "tests/support/kube/resource.hpp"

namespace scanflow::test::kube {

struct Route {
  const Resource* resource = nullptr;  // null: of no resource (path)
  std::string name_space, name, subresource;
  std::string verb;  // as RBAC says it: get, list, watch, create, update, patch, delete, ...
};

/// None where the path leads nowhere. Reviews ("selfsubjectaccessreviews") are resources here, too,
/// though nothing is stored of them.
std::optional<Route> route_of(const Registry& known, const http::Request& request);
/// The resource of a review; null where there is none of that name.
const Resource* review_of(const std::string& group, const std::string& version,
                          const std::string& plural);

}  // namespace scanflow::test::kube
