#include "engine/kube/kind.hpp"

#include <fmt/format.h>

#include "engine/http/client.hpp"

namespace scanflow::kube {

std::string path_of(const Kind& kind, const std::string& name_space, const std::string& name,
                    const std::string& subresource) {
  std::string path = kind.group.empty() ? "/api/" + kind.version
                                        : fmt::format("/apis/{}/{}", kind.group, kind.version);
  if (kind.namespaced && !name_space.empty())
    path += "/namespaces/" + http::percent_encoded(name_space);
  path += "/" + kind.plural;
  if (!name.empty()) path += "/" + http::percent_encoded(name);
  if (!subresource.empty()) path += "/" + subresource;
  return path;
}

std::string named(const Kind& kind, const std::string& name_space, const std::string& name) {
  return fmt::format("{} {}{}{}", kind.kind, kind.namespaced ? name_space : "",
                     kind.namespaced && !name_space.empty() ? "/" : "", name);
}

}  // namespace scanflow::kube
