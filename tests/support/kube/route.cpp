#include "tests/support/kube/route.hpp"

#include <algorithm>
#include <array>

namespace scanflow::test::kube {
namespace {

Resource review(const char* group, const char* plural, const char* kind, bool namespaced = false) {
  Resource resource;
  resource.group = group;
  resource.version = "v1";
  resource.plural = plural;
  resource.kind = kind;
  resource.namespaced = namespaced;
  return resource;
}

std::string verb_of(const http::Request& request, bool named) {
  if (request.method == "POST") return "create";
  if (request.method == "PUT") return "update";
  if (request.method == "PATCH") return "patch";
  if (request.method == "DELETE") return named ? "delete" : "deletecollection";
  if (request.method != "GET") return "";
  const std::string watch = request.parameter("watch");
  if (!named && !watch.empty() && watch != "0" && watch != "false") return "watch";
  return named ? "get" : "list";
}

/// A name, and what follows it.
void read_rest(Route& route, const std::vector<std::string>& path, std::size_t at) {
  if (at < path.size()) route.name = path[at];
  for (std::size_t more = at + 1; more < path.size(); ++more)
    route.subresource += (more > at + 1 ? "/" : "") + path[more];
}

const Resource* known_as(const Registry& known, const std::string& group,
                         const std::string& version, const std::string& plural) {
  const Resource* resource = known.find(group, version, plural);
  return resource != nullptr ? resource : review_of(group, version, plural);
}

}  // namespace

const Resource* review_of(const std::string& group, const std::string& version,
                          const std::string& plural) {
  static const std::array reviews = {
      review("authentication.k8s.io", "tokenreviews", "TokenReview"),
      review("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
      review("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview"),
      review("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
      review("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
  };
  const auto found = std::find_if(reviews.begin(), reviews.end(), [&](const Resource& one) {
    return one.group == group && one.version == version && one.plural == plural;
  });
  return found == reviews.end() ? nullptr : &*found;
}

std::optional<Route> route_of(const Registry& known, const http::Request& request) {
  const std::vector<std::string>& path = request.path;
  const bool core = !path.empty() && path[0] == "api";
  if (path.empty() || (!core && path[0] != "apis")) return Route{};
  const std::size_t first = core ? 2 : 3;    // what follows group and version
  if (path.size() <= first) return Route{};  // discovery
  const std::string group = core ? "" : path[1], &version = path[first - 1];
  Route route;
  std::size_t at = first;
  if (path[at] == "namespaces" && path.size() > at + 2 &&
      known_as(known, group, version, path[at + 2]) != nullptr) {
    route.name_space = path[at + 1];
    at += 2;
  }
  route.resource = known_as(known, group, version, path[at]);
  if (route.resource == nullptr) return std::nullopt;
  if (!route.name_space.empty() && !route.resource->namespaced) return std::nullopt;
  read_rest(route, path, at + 1);
  if (!route.subresource.empty() && !route.resource->has(route.subresource)) return std::nullopt;
  if (!route.name.empty() && route.resource->namespaced && route.name_space.empty())
    return std::nullopt;
  route.verb = verb_of(request, !route.name.empty());
  return route;
}

}  // namespace scanflow::test::kube
