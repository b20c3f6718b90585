#include "engine/deploy/rights.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "engine/kube/rights.hpp"

namespace scanflow::deploy {
namespace {

using nlohmann::json;

constexpr const char* kVersion = "rbac.authorization.k8s.io/v1";
constexpr const char* kGroup = "rbac.authorization.k8s.io";

/// A rule for each resource, with all of its verbs.
json rules() {
  std::vector<std::pair<std::string, std::string>> order;
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> verbs;
  for (const kube::Right& right : kube::rights()) {
    const std::pair key{std::string(right.group), std::string(right.resource)};
    if (!verbs.contains(key)) order.push_back(key);
    std::vector<std::string>& all = verbs[key];
    for (const std::string_view verb : right.verbs) {
      if (std::find(all.begin(), all.end(), verb) == all.end()) all.emplace_back(verb);
    }
  }
  json made = json::array();
  for (const auto& key : order) {
    made.push_back(
        {{"apiGroups", {key.first}}, {"resources", {key.second}}, {"verbs", verbs[key]}});
  }
  return made;
}

json object(const char* kind, const std::string& name, const RightsOf& who, bool namespaced) {
  json made = {{"apiVersion", kVersion},
               {"kind", kind},
               {"metadata", {{"name", name}, {"labels", who.labels}}}};
  if (namespaced) made["metadata"]["namespace"] = who.name_space;
  return made;
}

json binding(const char* kind, const char* of, const std::string& name, const RightsOf& who,
             bool namespaced) {
  json made = object(kind, name, who, namespaced);
  made["roleRef"] = {{"apiGroup", kGroup}, {"kind", of}, {"name", name}};
  made["subjects"] = {
      {{"kind", "ServiceAccount"}, {"name", who.account}, {"namespace", who.name_space}}};
  return made;
}

}  // namespace

std::vector<json> rights_of(const RightsOf& who) {
  const std::string& name = who.account;
  if (!who.cluster_wide) {
    json role = object("Role", name, who, true);
    role["rules"] = rules();
    return {std::move(role), binding("RoleBinding", "Role", name, who, true)};
  }
  json everywhere = object("ClusterRole", name, who, false);
  everywhere["rules"] = rules();
  const std::string nodes_name = name + "-nodes";
  json nodes = object("ClusterRole", nodes_name, who, false);
  nodes["rules"] = {{{"apiGroups", {""}}, {"resources", {"nodes"}}, {"verbs", {"get", "patch"}}}};
  return {std::move(everywhere), binding("ClusterRoleBinding", "ClusterRole", name, who, false),
          std::move(nodes), binding("ClusterRoleBinding", "ClusterRole", nodes_name, who, false)};
}

}  // namespace scanflow::deploy
