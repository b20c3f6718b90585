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
  std::vector<json> all = {std::move(everywhere),
                           binding("ClusterRoleBinding", "ClusterRole", name, who, false)};
  const auto add = [&](const std::string& role, const std::vector<kube::Right>& rights) {
    json made = rbac_object("ClusterRole", role, who, false);
    made["rules"] = rules_of(rights);
    all.push_back(std::move(made));
    all.push_back(binding("ClusterRoleBinding", "ClusterRole", role, who, false));
  };
  add(name + "-nodes", kube::rights_to_nodes());
  add(name + "-tokens", kube::rights_to_tokens());
  return all;
}

}  // namespace scanflow::deploy
