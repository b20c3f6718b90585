// Services as Pods of a cluster: their Deployments and Services are applied, and their Pods told by their sidecars
// which versions they have. They go on without this process, and are found again. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "engine/backend/pod_cluster.hpp"
#include "engine/kube/client.hpp"
#include "engine/kube/watcher.hpp"
#include "engine/runtime/cluster.hpp"
#include "engine/serve/scaling.hpp"
#include "engine/services/crew.hpp"
#include "engine/services/objects.hpp"
#include "engine/services/place.hpp"
#include "engine/services/pod_manifests.hpp"
#include "engine/services/sidecars.hpp"

namespace scanflow::services {

class PodPlace final : public Place {
 public:
  struct Options {
    std::string state;  // names the engine's state directory among others
    runtime::Cluster cluster;
    std::string image, sidecar_image;
    std::string version;  // of Scanflow
    std::function<void(const std::string& line)> log;
  };
  /// The engine outlives it, or it was told to forget it.
  PodPlace(Options options, runtime::Engine& engine);
  /// The Pods stay.
  ~PodPlace() override;

  Result<void> put(const serve::ServiceName& name, const pipeline::ServiceSpec& spec,
                   const infer::ServiceDocument& document) override;
  Result<void> set_backup(const serve::ServiceName& name, const pipeline::ServiceSpec& spec,
                          const std::optional<infer::ServiceDocument>& backup) override;
  Result<void> set_rules(const serve::ServiceName& name,
                         const pipeline::ServiceSpec& spec) override;
  Result<std::optional<std::int64_t>> set_versions(const serve::ServiceName& name,
                                                   const infer::NodeDocument& node) override;
  void remove(const serve::ServiceName& name) override;
  Result<void> keep(const std::set<serve::ServiceName>& names) override;
  json describe(const serve::ServiceName& name) const override;
  json processes(const serve::ServiceName& name) const override;
  std::string logs(const serve::ServiceName& name) const override;
  void forget_engine() override;

 private:
  struct Part {
    std::map<std::string, infer::NodeDocument> nodes;  // by name: their models are lent
    json deployment;
  };
  struct Served {
    explicit Served(const serve::ScalingRule& rule) : scaling(rule) {}
    std::optional<Part> own, backup;  // none: it has no such
    serve::Scaling scaling;
    std::uint64_t busy_us = 0;  // as Scaling::decide has it
    std::int64_t looked_us = 0;
    bool backup_wanted = false;   // to answer
    bool backup_answers = false;  // as the cluster has it
    std::uint64_t failovers = 0;
  };
  static const kube::Kind& kube_kind(Objects::Kind kind);
  Result<void> open();
  Result<void> deploy(const serve::ServiceName& name, const pipeline::ServiceSpec& spec,
                      const infer::ServiceDocument& document, bool backup);
  /// How many replicas there are of it; 0: it is not there. An error: it is not ours.
  Result<std::size_t> is_ours_to_make(const std::string& object);
  void want(const serve::ServiceName& name, Served& served);
  Result<void> settle(const std::vector<Objects::Name>& names);
  void watch();
  void lend(const serve::ServiceName& name, const Served& served);
  // pod_place_tend.cpp: what its threads do. One of them alone changes the cluster's objects.
  void tend();
  void keep_objects();
  void tell_pods(std::unique_lock<std::mutex>& lock);
  void scale_all();
  void fail_over();
  void look_again(std::unique_lock<std::mutex>& lock);
  void look_for_owner(std::unique_lock<std::mutex>& lock);
  void carry_out(std::unique_lock<std::mutex>& lock);
  Result<void> carry_out(const Objects::Task& task, const backend::ClusterOwner& owner);
  void order(const std::string& object, const Crew::Order& order);
  std::vector<Crew::Member> members_of(const serve::ServiceName& name) const;

  const Options options_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  Sidecars sidecars_;
  std::map<serve::ServiceName, Served> served_;
  Objects objects_;
  std::int64_t looked_again_us_ = 0;   // whether all is there still
  std::map<std::string, Crew> crews_;  // by Deployment: also of Pods that were there before
  std::shared_ptr<kube::Client> client_;
  PodSettings settings_;
  backend::ClusterOwner owner_;
  std::stop_source stop_;
  std::unique_ptr<kube::Watcher> watcher_;
  std::thread thread_, keeper_;
};

}  // namespace scanflow::services
