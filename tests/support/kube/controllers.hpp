// What makes Pods of Deployments, ReplicaSets, StatefulSets and Jobs: as much of it as tests of
// scaling, rollouts and `resource` steps need.
#pragma once

#include <string>
#include <vector>

#include "tests/support/kube/server.hpp"

namespace scanflow::test::kube {

/// Acts within the call that changes something; belongs to the server's lock.
class Controllers : private Listener {
 public:
  explicit Controllers(KubeServer& server);
  ~Controllers() override;
  Controllers(const Controllers&) = delete;
  Controllers& operator=(const Controllers&) = delete;

 private:
  void on_event(const Told& event) override;
  void reconcile(const json& object);
  void reconcile_deployment(const Held& deployment);
  void reconcile_set(const Resource& resource, const Held& set);
  void reconcile_job(const Held& job);

  /// Pods (or ReplicaSets) that this object controls.
  std::vector<Held> controlled(const json& owner, const Resource& resource) const;
  /// Of the owner's template; false where the server refuses it.
  bool make_pod(const json& owner, const Resource& resource, const json& metadata);
  void set_status(const Resource& resource, const json& object, json status);
  const Resource& of(const char* group, const char* plural) const;

  KubeServer& server_;
  Cluster& cluster_;
};

}  // namespace scanflow::test::kube
