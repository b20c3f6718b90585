// Services as Pods of podman, behind one address of this machine.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "engine/services/front_place.hpp"
#include "engine/services/podman_pods.hpp"

namespace scanflow::services {

class PodmanPlace final : public FrontPlace {
 public:
  PodmanPlace(Options options, std::unique_ptr<PodmanPods> pods)
      : FrontPlace(std::move(options)), pods_(std::move(pods)) {}
  ~PodmanPlace() override { end_all(); }

  Result<void> set_backup(const serve::ServiceName& name, const pipeline::ServiceSpec& spec,
                          const std::optional<infer::ServiceDocument>& backup) override;
  Result<std::optional<std::int64_t>> set_versions(const serve::ServiceName& name,
                                                   const infer::NodeDocument& node) override;
  void remove(const serve::ServiceName& name) override;
  /// None outlives this process, but for one that is killed.
  Result<void> keep(const std::set<serve::ServiceName>& names) override;
  std::string logs(const serve::ServiceName& name) const override;
  void forget_engine() override { pods_->forget_engine(); }

 private:
  Result<void> prepare(const serve::ServiceName& name, const infer::ServiceDocument& document,
                       bool backup) override;
  void choose(const serve::ServiceName& name, serve::ReplicasOptions& replicas) override;
  void lend(const serve::ServiceName& name);

  const std::unique_ptr<PodmanPods> pods_;
  std::mutex mutex_;
  /// Of a service and of its backup: nodes with the versions of now, and of before: who has them may be fetching still.
  std::map<std::pair<serve::ServiceName, bool>,
           std::pair<std::vector<infer::NodeDocument>, std::vector<infer::NodeDocument>>>
      lent_;
};

}  // namespace scanflow::services
