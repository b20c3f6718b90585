#include "engine/services/podman_place.hpp"

#include <utility>

namespace scanflow::services {

Result<void> PodmanPlace::prepare(const serve::ServiceName& name,
                                  const infer::ServiceDocument& document, bool backup) {
  if (auto opened = pods_->open(); !opened) return opened;
  if (auto checked = pods_->check(document); !checked) return checked;
  for (const infer::NodeDocument& node : document.nodes)
    if (const auto traffic = traffic_of(node); !traffic) return tl::unexpected(traffic.error());
  {
    const std::lock_guard lock(mutex_);
    auto& [now, before] = lent_[{name, backup}];
    before = std::exchange(now, document.nodes);
  }
  lend(name);
  return {};
}

void PodmanPlace::choose(const serve::ServiceName& name, serve::ReplicasOptions& replicas) {
  replicas.make = [pods = pods_.get(), name](serve::InstanceOrder order) {
    return pods->begin(name, std::move(order));
  };
}

Result<void> PodmanPlace::set_backup(const serve::ServiceName& name,
                                     const pipeline::ServiceSpec& spec,
                                     const std::optional<infer::ServiceDocument>& backup) {
  auto set = FrontPlace::set_backup(name, spec, backup);
  if (!set || backup) return set;
  {
    const std::lock_guard lock(mutex_);
    lent_.erase({name, true});
  }
  lend(name);
  return set;
}

void PodmanPlace::lend(const serve::ServiceName& name) {
  std::vector<infer::NodeDocument> nodes;
  const std::lock_guard lock(mutex_);
  for (const bool backup : {false, true}) {
    const auto found = lent_.find({name, backup});
    if (found == lent_.end()) continue;
    for (const auto* those : {&found->second.first, &found->second.second})
      nodes.insert(nodes.end(), those->begin(), those->end());
  }
  pods_->lend(name, nodes);
}

/// Where that is refused, those of before are what Pods have, and those that come get.
Result<std::optional<std::int64_t>> PodmanPlace::set_versions(const serve::ServiceName& name,
                                                              const infer::NodeDocument& node) {
  const auto traffic = traffic_of(node);
  if (!traffic) return tl::unexpected(traffic.error());
  std::vector<infer::NodeDocument> old;
  {
    const std::lock_guard lock(mutex_);
    auto& [now, before] = lent_[{name, false}];
    old = before = now;
    for (infer::NodeDocument& each : now)
      if (each.node.name == node.node.name) each = node;
  }
  lend(name);
  auto switched = FrontPlace::set_versions(name, node);
  if (switched) return switched;
  {
    const std::lock_guard lock(mutex_);
    auto& [now, before] = lent_[{name, false}];
    before = std::exchange(now, std::move(old));
  }
  lend(name);
  return switched;
}

void PodmanPlace::remove(const serve::ServiceName& name) {
  FrontPlace::remove(name);
  const std::lock_guard lock(mutex_);
  for (const bool backup : {false, true}) lent_.erase({name, backup});
  pods_->lend(name, {});
}

Result<void> PodmanPlace::keep(const std::set<serve::ServiceName>&) { return pods_->clear(); }

std::string PodmanPlace::logs(const serve::ServiceName& name) const {
  pods_->save_logs(name);
  return FrontPlace::logs(name);
}

}  // namespace scanflow::services
