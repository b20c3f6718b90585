#include "engine/runtime/fleet.hpp"

#include <fmt/format.h>

#include <utility>

#include "engine/runtime/namespaces.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::runtime {
namespace {

/// Attempts that sidecars can speak of; far more than machines can have at once.
constexpr std::size_t kMostWorkloads = 100'000;
/// Of an injected Pod.
constexpr std::size_t kMostContainers = 64, kLongestName = 63;
/// A sidecar that is away for so long: the hub has forgotten it, too.
constexpr std::int64_t kForgottenUs = 2 * 3'600'000'000;

std::string title_of(const hub::SidecarKey& key) { return key.user + "/" + key.pod_uid; }

}  // namespace

hub::SidecarKey local_sidecar() { return {"local", "local"}; }

Fleet::Fleet(FleetOptions options, FleetEvents events)
    : options_(std::move(options)), events_(std::move(events)), began_us_(wall_us()) {}
Fleet::~Fleet() = default;

Result<std::unique_ptr<Fleet>> Fleet::start(FleetOptions options, FleetEvents events,
                                            RecentMetrics& metrics) {
  std::unique_ptr<Fleet> fleet(new Fleet(std::move(options), std::move(events)));
  hub::HubOptions hub_options;
  hub_options.boot_id = uuid_v7(wall_us() / 1000);
  hub_options.term = fleet->options_.term;
  hub_options.ipc = fleet->options_.socket;
  hub_options.bulk = fleet->options_.files;
  auto hub = hub::Hub::start(std::move(hub_options), fleet->hub_events(metrics));
  if (!hub) return tl::unexpected(hub.error());
  fleet->hub_ = std::move(*hub);
  return fleet;
}

/// From the hub's thread to the strand; nothing once the fleet is gone.
void Fleet::post(std::function<void()> call) {
  options_.post([alive = std::weak_ptr(alive_), call = std::move(call)] {
    if (!alive.expired()) call();
  });
}

hub::HubEvents Fleet::hub_events(RecentMetrics& metrics) {
  using hub::SidecarKey;
  hub::HubEvents events;
  events.enters = events_.enters;
  // What the cluster has vouched for; the hub's thread alone knows it.
  auto pods = std::make_shared<std::map<SidecarKey, std::string>>();
  events.attached = [this, pods](const SidecarKey& key, const protocol::Hello& hello) {
    if (namespace_of_user(key.user)) (*pods)[key] = hello.name;
    post([this, key, name = hello.name] {
      attached_[key] = 0;
      names_[key] = name;
      if (events_.attached) events_.attached(key);
    });
  };
  events.detached = [this, pods](const SidecarKey& key, const std::string& why) {
    pods->erase(key);
    // Those of Pods come and go with them.
    if (options_.log && key == local_sidecar())
      options_.log(fmt::format("sidecar {} is away: {}", title_of(key), why));
    post([this, key] { detach(key); });
  };
  events.suspected = [this](const SidecarKey& key) {
    post([this, key] {
      if (events_.suspected) events_.suspected(key);
    });
  };
  events.workload = [this](const SidecarKey& key, const protocol::Started& started) {
    post([this, key, started] {
      if (events_.is_foreign && events_.is_foreign(key, started.id)) return;
      take(key, started);
      if (events_.said) events_.said(key, started);
    });
  };
  events.said = [this](const SidecarKey& key, const protocol::Body& body) {
    post([this, key, body] {
      if (events_.said) events_.said(key, body);
    });
  };
  events.offers = [this](const SidecarKey& key, const protocol::Offers& offers) {
    post([this, key, offers] { take(key, offers); });
  };
  events.series = [&metrics, pods](const SidecarKey& key, const protocol::Series& series) {
    const auto found = pods->find(key);
    return metrics.series(key, series, wall_us(), found == pods->end() ? "" : found->second);
  };
  events.samples = [&metrics](std::span<const hub::Sample> samples) {
    metrics.samples(samples, wall_us());
  };
  events.delivery = [this](const SidecarKey& key, std::uint64_t number, protocol::Message message) {
    post([this, key, number, message = std::move(message)] {
      deliveries_.taken(key, number);
      events_.delivery(key, number, message);
    });
  };
  events.expired = [this](const SidecarKey&, const std::string& command) {
    post([this, command] { events_.expired(command); });
  };
  events.lost = [this](const SidecarKey&, const std::string& command) {
    post([this, command] { events_.lost(command); });
  };
  events.odd = [this](const std::string& what, std::uint64_t times) {
    if (options_.log) options_.log(fmt::format("sidecars: {} ({} times)", what, times));
  };
  return events;
}

std::string Fleet::endpoint() const { return "ipc://" + options_.socket.string(); }

void Fleet::send(const hub::SidecarKey& to, protocol::Command command, bool sent) {
  hub_->post([this, to, command = std::move(command), sent](hub::Core& core, std::int64_t now_us) {
    const std::string id = command.id;
    const auto queued = core.command(to, command, now_us, sent);
    if (queued) return;
    post([this, id, why = queued.error().message] { events_.refused(id, why); });
  });
}

void Fleet::delivered(const hub::SidecarKey& from, std::uint64_t number) {
  const auto all = deliveries_.committed(from, number);
  if (!all) return;
  hub_->post([from, up_to = *all](hub::Core& core, std::int64_t now_us) {
    core.delivered(from, up_to, now_us);
  });
}

Result<void> Fleet::listen(hub::HubNetwork network) { return hub_->listen(std::move(network)); }

void Fleet::tell(const hub::SidecarKey& to, protocol::Body order) {
  hub_->post([to, order = std::move(order)](hub::Core& core, std::int64_t now_us) {
    (void)core.tell(to, order, now_us);
  });
}

void Fleet::forget(const hub::SidecarKey& sidecar) { deliveries_.forget(sidecar); }

const Fleet::Workload* Fleet::workload(const protocol::AttemptId& id) const {
  const auto found = workloads_.find(id);
  return found == workloads_.end() ? nullptr : &found->second;
}

std::string Fleet::name_of(const hub::SidecarKey& sidecar) const {
  const auto found = names_.find(sidecar);
  return found == names_.end() ? "" : found->second;
}

bool Fleet::attached(const hub::SidecarKey& sidecar) const {
  const auto found = attached_.find(sidecar);
  return found != attached_.end() && found->second == 0;
}

std::int64_t Fleet::away_us(const hub::SidecarKey& sidecar) const {
  const auto found = attached_.find(sidecar);
  return found == attached_.end() ? began_us_ : found->second;
}

void Fleet::take(const hub::SidecarKey& key, const protocol::Started& started) {
  const auto found = workloads_.find(started.id);
  if (found == workloads_.end() && workloads_.size() >= kMostWorkloads) return;
  if (found == workloads_.end() && namespace_of_user(key.user)) {
    std::size_t known = 0;
    for (auto at = workloads_.lower_bound({started.id.run, "", 0});
         at != workloads_.end() && at->first.run == started.id.run; ++at)
      ++known;
    // Its containers: an honest Pod has no more, and no longer names.
    if (known >= kMostContainers || started.id.step.size() > kLongestName) return;
  }
  Workload& workload = workloads_[started.id];
  workload.sidecar = key;
  workload.started = started;
}

void Fleet::take(const hub::SidecarKey& key, const protocol::Offers& offers) {
  const auto found = workloads_.find(offers.id);
  if (found != workloads_.end() && found->second.sidecar == key)
    found->second.offers = offers.commands;
}

void Fleet::keep(const std::function<bool(const protocol::AttemptId&)>& wanted) {
  std::erase_if(workloads_, [&](const auto& each) { return !wanted(each.first); });
}

/// In its next session it says anew what it can act on.
void Fleet::detach(const hub::SidecarKey& key) {
  const std::int64_t now_us = wall_us();
  std::erase_if(attached_, [&](const auto& each) {
    return each.second > 0 && now_us - each.second > kForgottenUs;
  });
  attached_[key] = now_us;
  names_.erase(key);
  std::erase_if(workloads_, [&](const auto& each) { return each.second.sidecar == key; });
  if (events_.detached) events_.detached(key);
}

}  // namespace scanflow::runtime
