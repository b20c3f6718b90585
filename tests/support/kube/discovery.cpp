// What there is: versions, groups, resources, and whether the server is well.
#include <algorithm>

#include "tests/support/kube/api.hpp"

namespace scanflow::test::kube {
namespace {

json version() {
  return {{"major", "1"},
          {"minor", "36"},
          {"emulationMajor", "1"},
          {"emulationMinor", "36"},
          {"minCompatibilityMajor", "1"},
          {"minCompatibilityMinor", "35"},
          {"gitVersion", "v0.0.0-master+$Format:%H$"},
          {"gitCommit", "$Format:%H$"},
          {"gitTreeState", ""},
          {"buildDate", "1970-01-01T00:00:00Z"},
          {"goVersion", "go1.26.10"},
          {"compiler", "gc"},
          {"platform", "linux/amd64"}};
}

json groups(const Registry& known) {
  json list = json::array();
  for (const Resource& resource : known.all()) {
    const auto is_it = [&](const json& group) { return group["name"] == resource.group; };
    if (resource.group.empty() || std::any_of(list.begin(), list.end(), is_it)) continue;
    const json one = {{"groupVersion", resource.api_version()}, {"version", resource.version}};
    list.push_back(
        {{"name", resource.group}, {"versions", json::array({one})}, {"preferredVersion", one}});
  }
  return {{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(list)}};
}

json resources(const Registry& known, const std::string& group_version) {
  const std::vector<std::string> verbs = {"create", "delete", "deletecollection", "get",
                                          "list",   "patch",  "update",           "watch"};
  json list = json::array();
  for (const Resource& resource : known.all()) {
    if (resource.api_version() != group_version) continue;
    list.push_back({{"name", resource.plural},
                    {"singularName", resource.singular},
                    {"namespaced", resource.namespaced},
                    {"kind", resource.kind},
                    {"verbs", verbs}});
    for (const std::string& part : resource.subresources)
      list.push_back({{"name", resource.plural + "/" + part},
                      {"singularName", ""},
                      {"namespaced", resource.namespaced},
                      {"kind", part == "scale" ? "Scale" : resource.kind},
                      {"verbs", {"get", "patch", "update"}}});
  }
  if (list.empty()) throw no_such_path();
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", group_version},
          {"resources", std::move(list)}};
}

}  // namespace

Answer discover(Cluster& cluster, const http::Request& request) {
  if (request.method != "GET") throw method_not_allowed();
  const std::vector<std::string>& path = request.path;
  const std::string first = path.empty() ? "" : path[0];
  Answer answer;
  if (path.size() == 1 && (first == "livez" || first == "readyz" || first == "healthz")) {
    answer.text = "ok";
    answer.content_type = "text/plain; charset=utf-8";
  } else if (path.size() == 1 && first == "version") {
    answer.body = version();
  } else if (path.size() == 1 && first == "api") {
    answer.body = {{"kind", "APIVersions"}, {"versions", {"v1"}}};
  } else if (path.size() == 1 && first == "apis") {
    answer.body = groups(cluster.known);
  } else if (path.size() == 2 && first == "api") {
    answer.body = resources(cluster.known, path[1]);
  } else if (path.size() == 3 && first == "apis") {
    answer.body = resources(cluster.known, path[1] + "/" + path[2]);
  } else {
    throw no_such_path();
  }
  return answer;
}

}  // namespace scanflow::test::kube
