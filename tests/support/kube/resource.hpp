// The kinds of objects that an API server knows: what they are called in paths and in manifests.
#pragma once

#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace scanflow::test::kube {

using nlohmann::json;

struct Resource {
  std::string group, version, plural, singular, kind;  // the core group is ""
  bool namespaced = true;
  bool counts_generations = false;  // metadata.generation follows its spec
  bool custom = false;              // of a CustomResourceDefinition: no strategic merge patch
  std::vector<std::string> subresources = {};

  /// "v1", "apps/v1".
  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  /// "pods", "deployments.apps": as messages name it.
  std::string qualified() const { return group.empty() ? plural : plural + "." + group; }
  bool has(const std::string& subresource) const;
};

class Registry {
 public:
  /// With what a cluster has, and custom ones (httproutes, virtualservices, scaledobjects).
  Registry();
  /// The answer stays valid.
  const Resource& add(Resource resource);
  /// None: null.
  const Resource* find(const std::string& group, const std::string& version,
                       const std::string& plural) const;
  const Resource* of_kind(const std::string& api_version, const std::string& kind) const;
  const Resource& core(const std::string& plural) const;
  const std::deque<Resource>& all() const { return resources_; }

 private:
  std::deque<Resource> resources_;
};

}  // namespace scanflow::test::kube
