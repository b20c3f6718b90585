// What an engine does at an API server, and so may have to be allowed: the Role that is installed is made of this
// table, and `scanflow kube check` goes by it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace scanflow::kube {

struct Right {
  std::string_view group, resource;  // "pods", "pods/resize"
  std::vector<std::string_view> verbs;
  std::string_view why;  // what goes wrong without it
  bool needed = true;    // no step runs without it
};
/// In one namespace.
const std::vector<Right>& rights();
/// Beyond namespaces: of a ClusterRole of their own each.
const std::vector<Right>& rights_to_nodes();
const std::vector<Right>& rights_to_tokens();

}  // namespace scanflow::kube
