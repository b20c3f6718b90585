#include "tests/support/kube/rights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "tests/support/kube/status.hpp"

namespace scanflow::test::kube {
namespace {

constexpr const char* kGroup = "rbac.authorization.k8s.io";

bool holds(const json& rule, const char* list, const std::string& wanted) {
  const auto found = rule.find(list);
  if (found == rule.end() || !found->is_array()) return false;
  return std::any_of(found->begin(), found->end(),
                     [&](const json& one) { return one == "*" || one == wanted; });
}

bool allows(const json& rule, const Access& access) {
  if (!holds(rule, "verbs", access.verb)) return false;
  if (!access.path.empty()) {
    const json urls = rule.value("nonResourceURLs", json::array());
    return std::any_of(urls.begin(), urls.end(), [&](const std::string& url) {
      return url == access.path ||
             (url.ends_with('*') && access.path.starts_with(url.substr(0, url.size() - 1)));
    });
  }
  const std::string full =
      access.subresource.empty() ? access.resource : access.resource + "/" + access.subresource;
  if (!holds(rule, "apiGroups", access.group)) return false;
  if (!holds(rule, "resources", full) &&
      (access.subresource.empty() || !holds(rule, "resources", "*/" + access.subresource)))
    return false;
  const json names = rule.value("resourceNames", json::array());
  return names.empty() || std::find(names.begin(), names.end(), access.name) != names.end();
}

bool is_subject(const json& binding, const User& user) {
  for (const json& subject : binding.value("subjects", json::array())) {
    const std::string kind = subject.value("kind", ""), name = subject.value("name", "");
    if (kind == "User" && name == user.name) return true;
    if (kind == "Group" && user.is(name)) return true;
    const std::string space =
        subject.value("namespace", binding["metadata"].value("namespace", ""));
    if (kind == "ServiceAccount" && service_account(space, name).name == user.name) return true;
  }
  return false;
}

/// Each rule that holds for a user: in all of the cluster, and in a namespace.
void each_rule(const Cluster& cluster, const User& user, const std::string& name_space,
               const std::function<void(const json&)>& tell) {
  const auto named = [&](const char* plural) -> const Resource& {
    return *cluster.known.find(kGroup, "v1", plural);
  };
  for (const bool everywhere : {true, false}) {
    const Resource& bindings = named(everywhere ? "clusterrolebindings" : "rolebindings");
    for (const auto& [key, held] : cluster.store.objects(bindings)) {
      const json& binding = held->object();
      if (!everywhere && (name_space.empty() || binding["metadata"]["namespace"] != name_space))
        continue;
      if (!is_subject(binding, user)) continue;
      const json& reference = binding.at("roleRef");
      const bool of_cluster = reference.value("kind", "") == "ClusterRole";
      const Resource& roles = named(of_cluster ? "clusterroles" : "roles");
      const Held role = cluster.store.find(roles, key_of(roles, name_space, reference.at("name")));
      if (!role) continue;
      for (const json& rule : role->object().value("rules", json::array())) tell(rule);
    }
  }
}

/// What everybody may whose name is known.
bool is_for_all(const Access& access) {
  static const std::vector<std::string> reviews = {"selfsubjectaccessreviews",
                                                   "selfsubjectrulesreviews", "selfsubjectreviews"};
  if (std::find(reviews.begin(), reviews.end(), access.resource) != reviews.end()) return true;
  static const std::vector<std::string> paths = {"/api",    "/apis",    "/version", "/livez",
                                                 "/readyz", "/healthz", "/openapi"};
  return std::any_of(paths.begin(), paths.end(), [&](const std::string& open) {
    return access.path == open || access.path.starts_with(open + "/");
  });
}

}  // namespace

Access access_of(const Route& route, const std::string& path) {
  if (route.resource == nullptr) return {"get", "", "", "", "", "", path};
  return {route.verb,
          route.resource->group,
          route.resource->plural,
          route.subresource,
          route.name,
          route.name_space,
          ""};
}

bool may(const Cluster& cluster, const User& user, const Access& access) {
  if (user.is("system:masters") || is_for_all(access)) return true;
  bool allowed = false;
  each_rule(cluster, user, access.name_space,
            [&](const json& rule) { allowed = allowed || allows(rule, access); });
  return allowed;
}

void check_rights(const Cluster& cluster, const User& user, const Route& route,
                  const std::string& path) {
  const Access access = access_of(route, path);
  if (may(cluster, user, access)) return;
  if (route.resource == nullptr)
    throw failed(403, "Forbidden",
                 fmt::format("forbidden: User \"{}\" cannot get path \"{}\"", user.name, path));
  const std::string what =
      route.subresource.empty() ? access.resource : access.resource + "/" + access.subresource;
  const std::string where = route.name_space.empty()
                                ? "at the cluster scope"
                                : fmt::format("in the namespace \"{}\"", route.name_space);
  throw forbidden(*route.resource, route.name,
                  fmt::format("User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {}",
                              user.name, access.verb, what, access.group, where));
}

json rules_of(const Cluster& cluster, const User& user, const std::string& name_space) {
  json rules = {
      {"resourceRules", json::array()}, {"nonResourceRules", json::array()}, {"incomplete", false}};
  each_rule(cluster, user, name_space, [&](const json& rule) {
    rules[rule.contains("nonResourceURLs") ? "nonResourceRules" : "resourceRules"].push_back(rule);
  });
  if (user.is("system:masters"))
    rules["resourceRules"].push_back(
        {{"verbs", {"*"}}, {"apiGroups", {"*"}}, {"resources", {"*"}}});
  return rules;
}

}  // namespace scanflow::test::kube
