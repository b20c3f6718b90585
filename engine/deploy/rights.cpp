#include "engine/deploy/rights.hpp"

#include <utility>

#include "engine/kube/rights.hpp"

namespace scanflow::deploy {
namespace {

using nlohmann::json;

constexpr const char* kVersion = "rbac.authorization.k8s.io/v1";
constexpr const char* kGroup = "rbac.authorization.k8s.io";

json rules_of(const std::vector<kube::Right>& rights) {
  json made = json::array();
  for (const kube::Right& right : rights) {
    made.push_back({{"apiGroups", json::array({right.group})},
                    {"resources", json::array({right.resource})},
                    {"verbs", right.verbs}});
  }
  return made;
}

json rbac_object(const char* kind, const std::string& name, const RightsOf& who, bool namespaced) {
  json made = {{"apiVersion", kVersion},
               {"kind", kind},
               {"metadata", {{"name", name}, {"labels", who.labels}}}};
  if (namespaced) made["metadata"]["namespace"] = who.name_space;
  return made;
}

json binding(const char* kind, const char* of, const std::string& name, const RightsOf& who,
             bool namespaced) {
  json made = rbac_object(kind, name, who, namespaced);
  made["roleRef"] = {{"apiGroup", kGroup}, {"kind", of}, {"name", name}};
  made["subjects"] = {
      {{"kind", "ServiceAccount"}, {"name", who.account}, {"namespace", who.name_space}}};
  return made;
}

}  // namespace

std::vector<json> rights_of(const RightsOf& who) {
  const std::string& name = who.account;
  if (!who.cluster_wide) {
    json role = rbac_object("Role", name, who, true);
    role["rules"] = rules_of(kube::rights());
    return {std::move(role), binding("RoleBinding", "Role", name, who, true)};
  }
  json everywhere = rbac_object("ClusterRole", name, who, false);
  everywhere["rules"] = rules_of(kube::rights());
  const std::string of_nodes = name + "-nodes";
  json nodes = rbac_object("ClusterRole", of_nodes, who, false);
  nodes["rules"] = rules_of(kube::rights_to_nodes());
  return {std::move(everywhere), binding("ClusterRoleBinding", "ClusterRole", name, who, false),
          std::move(nodes), binding("ClusterRoleBinding", "ClusterRole", of_nodes, who, false)};
}

}  // namespace scanflow::deploy
