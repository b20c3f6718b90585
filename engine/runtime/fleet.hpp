// The sidecars of an engine's attempts: the hub that they speak with, which of them can act on which
// attempt, and what it lets one do to it. Made when it is needed, and stays until the engine ends.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "engine/hub/hub.hpp"
#include "engine/runtime/deliveries.hpp"
#include "engine/runtime/recent_metrics.hpp"
#include "sdk/base/result.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::runtime {

/// The sidecar of all attempts on this machine.
hub::SidecarKey local_sidecar();

struct FleetOptions {
  std::filesystem::path socket;  // absolute, in a directory of this user's alone
  std::uint64_t term = 0;        // higher than that of any hub before, and committed as such
  /// Runs it on the strand that owns the fleet. [any-thread]
  std::function<void(std::function<void()>)> post;
  /// A line for whoever runs the engine; may be null. [any-thread]
  std::function<void(const std::string&)> log;
  hub::BulkAccess files;  // what Pods fetch and bring
};

/// What it tells its owner, on the strand.
struct FleetEvents {
  /// As hub::HubEvents has it. [the hub's thread]
  std::function<hub::Entry(const hub::SidecarKey&, const protocol::Hello&, std::string& why)>
      enters;
  /// May it not speak of that attempt? Then what it says of it is ignored.
  std::function<bool(const hub::SidecarKey&, const protocol::AttemptId&)> is_foreign;
  std::function<void(const hub::SidecarKey&)> attached, suspected, detached;
  /// Started, Progress or HostCall, of a Pod of the engine's.
  std::function<void(const hub::SidecarKey&, const protocol::Body&)> said;
  /// Must be committed; then Fleet::delivered is due.
  std::function<void(const hub::SidecarKey&, std::uint64_t number, const protocol::Message&)>
      delivery;
  /// The deadline of a command came before it was sent to anybody.
  std::function<void(const std::string& command)> expired;
  /// It was sent, and its sidecar is gone for good.
  std::function<void(const std::string& command)> lost;
  /// It could not be queued: why.
  std::function<void(const std::string& command, const std::string& why)> refused;
};

/// Belongs to the strand.
class Fleet {
 public:
  struct Workload {
    hub::SidecarKey sidecar;
    protocol::Started started;
    std::string offers = "[]";  // of the step itself: protocol::Offers
  };

  /// `metrics` outlives it.
  static Result<std::unique_ptr<Fleet>> start(FleetOptions options, FleetEvents events,
                                              RecentMetrics& metrics);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  /// What sidecars connect to: for backend::Backend::observe.
  std::string endpoint() const;
  std::uint64_t term() const { return options_.term; }

  /// From now on also TCP: user_of says whose a key is. [its thread]
  Result<void> listen(hub::HubNetwork network);
  /// Where; "" where it does not.
  const std::string& tcp() const { return hub_->tcp(); }
  const std::string& bulk_tcp() const { return hub_->bulk_tcp(); }
  /// Lost where it is not attached.
  void tell(const hub::SidecarKey& to, protocol::Body order);

  /// `sent`: an earlier hub may have sent it. It must be committed.
  void send(const hub::SidecarKey& to, protocol::Command command, bool sent);
  /// What it delivered with this number is committed, or not wanted.
  void delivered(const hub::SidecarKey& from, std::uint64_t number);

  /// Its Pod is gone for good: nothing of it is kept.
  void forget(const hub::SidecarKey& sidecar);

  /// Null: no sidecar has said that it can act on it.
  const Workload* workload(const protocol::AttemptId& id) const;
  bool attached(const hub::SidecarKey& sidecar) const;
  /// Was it ever, since this fleet began?
  bool known(const hub::SidecarKey& sidecar) const { return attached_.contains(sidecar); }
  /// Since when it is not attached; of one that never was: since the fleet began. Wall clock, as all
  /// here.
  std::int64_t away_us(const hub::SidecarKey& sidecar) const;
  /// What people call its Pod; empty: it is not attached.
  std::string name_of(const hub::SidecarKey& sidecar) const;
  /// It is over.
  void drop(const protocol::AttemptId& id) { workloads_.erase(id); }
  const std::map<protocol::AttemptId, Workload>& workloads() const { return workloads_; }
  /// Forgets what is said of other attempts.
  void keep(const std::function<bool(const protocol::AttemptId&)>& wanted);

 private:
  Fleet(FleetOptions options, FleetEvents events);
  hub::HubEvents hub_events(RecentMetrics& metrics);
  void post(std::function<void()> call);
  void take(const hub::SidecarKey& key, const protocol::Started& started);
  void take(const hub::SidecarKey& key, const protocol::Offers& offers);
  void detach(const hub::SidecarKey& key);

  const FleetOptions options_;
  const FleetEvents events_;
  const std::int64_t began_us_;
  std::map<protocol::AttemptId, Workload> workloads_;
  Deliveries deliveries_;
  std::map<hub::SidecarKey, std::int64_t> attached_;  // 0: it is; else since when it is not
  std::map<hub::SidecarKey, std::string> names_;      // of those that are
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  std::unique_ptr<hub::Hub> hub_;  // its thread ends first
};

}  // namespace scanflow::runtime
