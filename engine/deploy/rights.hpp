// The engine's rights at the API server, made of the table of what it asks there (engine/kube/rights.hpp). Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scanflow::deploy {

struct RightsOf {
  std::string name_space, account;  // of the ServiceAccount; the objects' name, too
  bool cluster_wide = false;        // in all namespaces
  nlohmann::json labels;
};
/// A Role and its binding; or a ClusterRole and its, and one each for nodes and for tokens, which may be left out.
std::vector<nlohmann::json> rights_of(const RightsOf& who);

}  // namespace scanflow::deploy
