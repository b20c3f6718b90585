// What kinds of objects an API server knows.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "engine/kube/client.hpp"
#include "engine/kube/kind.hpp"

namespace scanflow::kube {

/// "apps/v1", "Deployment" (or "deployments", "deployment"): where they are. An error says what is wrong, and of a kind that there is none of, which
/// there are.
Answer<Kind> discover(Client& client, const std::string& api_version, const std::string& kind,
                      const std::stop_token& stop = {});

/// "apps/v1" in its parts; "v1": of the core.
struct GroupVersion {
  std::string group, version;
};
GroupVersion group_version_of(const std::string& api_version);

}  // namespace scanflow::kube
