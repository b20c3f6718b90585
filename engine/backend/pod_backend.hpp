// Every attempt in a Pod: made for it, or kept from a step before. The sidecar in it is told by the hub to
// run the attempt, and delivers its result. Pods outlive the engine, and are found again by the next one.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/backend/backend.hpp"
#include "engine/backend/pod_driver.hpp"
#include "engine/backend/pod_hub.hpp"
#include "engine/backend/pod_record.hpp"
#include "engine/backend/pod_request.hpp"
#include "engine/backend/pod_status.hpp"

namespace scanflow::backend {

struct PodOptions {
  std::filesystem::path directory;  // absolute: what is kept of Pods
  std::string state;                // names this state directory among others on the machine
  Images images;
  std::string version;
  std::uint32_t most_warm = 8;  // Pods that wait for a step
  std::function<void(const std::string&)> log;
};

class PodBackend final : public Backend {
 public:
  /// The hub outlives it.
  PodBackend(PodOptions options, boost::asio::io_context& strand, PodHub& hub, Sink sink);
  /// Its callbacks reach this backend.
  void drive_by(std::unique_ptr<PodDriver> driver) { driver_ = std::move(driver); }
  ~PodBackend() override;

  // Backend
  void get_ready() override { open(); }
  void survey() override {}
  void observe(const std::string&) override {}
  void launch(std::vector<RequestPtr> requests) override;
  void stop(const protocol::AttemptId& id, const std::string& reason) override;
  void acknowledge(const protocol::AttemptId& id) override;
  void forget(const std::vector<protocol::AttemptId>& ids) override;
  void reply(const protocol::HostReply& reply) override;

  // What the hub tells of its Pods.
  void attached(const hub::SidecarKey& sidecar);
  void detached(const hub::SidecarKey& sidecar);
  /// Nothing was heard of it for a while: it may be away.
  void suspected(const hub::SidecarKey& sidecar);
  void said(const hub::SidecarKey& sidecar, const protocol::Body& body);
  /// A result, which is told to the engine once; PodHub::delivered follows.
  void delivered(const hub::SidecarKey& from, std::uint64_t number, protocol::Result result);
  /// Is it of a Pod of this backend?
  bool has(const hub::SidecarKey& sidecar) const { return pods_.contains(sidecar.user); }
  /// May this sidecar speak of that attempt?
  bool owns(const hub::SidecarKey& sidecar, const protocol::AttemptId& id) const;

  /// The Pod that has it; empty: none.
  std::string pod_of(const protocol::AttemptId& id) const;
  /// All of them, those that wait for a step too.
  std::vector<PodStatus> pods() const;

  // What the driver tells.
  void container_ended(const ContainerEnd& end);
  void placed(const std::string& pod);
  void trouble(const std::string& line) const;

 private:
  using Id = protocol::AttemptId;
  struct Delivery {
    hub::SidecarKey from;
    std::uint64_t number = 0;
    protocol::Result result;
  };
  struct Pod {
    PodRecord record;
    std::string node;     // as was told
    bool warned = false;  // that its sidecar is late
    bool making = false;
    bool attached = false;
    bool begun = false;         // its attempt may have: its sidecar was told of it
    bool started = false;       // its attempt has: its sidecar has said so
    std::int64_t waits_us = 0;  // since when its sidecar is not attached, or it has nothing to do
    std::int64_t ends_us =
        0;  // a container has ended: what it has to say comes until then; 0: none has
    ContainerEnd end;
    std::optional<Delivery> gone;  // what its sidecar says of a worker that is gone
    int revived = 0;               // how often its sidecar was started again
    std::int64_t kill_us = 0;  // when an attempt that shall end has had its time; 0: it need not
  };
  struct Attempt {
    RequestPtr request;
    std::string pod;      // empty: none yet
    std::string stop;     // why it shall end
    bool fresh = false;   // of a kept Pod it has had enough
    bool told = false;    // its result, to the engine
    bool begun = false;   // its Pod was told of it, perhaps by an earlier engine
    std::string address;  // of a gang's rank 0, once that is known
  };

  void open();
  void listen();
  void on_open(const Result<std::vector<std::string>>& living);
  void give_up(const std::string& why);
  void place(const Id& id);
  Pod* warm(const std::string& hash);
  void assign(Pod& pod, Attempt& attempt);
  void grant(const Attempt& attempt);
  void tell_place(Pod& pod);
  bool give_up_kept(const std::string& pod);
  void make(const Id& id, const PodTemplate& made);
  Result<PodOrder> order_of(const std::string& pod, const Attempt& attempt,
                            const PodTemplate& made);
  void order(Pod& pod);
  bool is_gathered(const Id& gang, std::uint32_t replicas);
  void gather(const Id& gang, std::uint32_t replicas);
  void on_gathered(const Id& gang, std::uint32_t replicas, const std::string& first,
                   const Result<std::string>& address);
  void tell_launch(Pod& pod);
  void stop_placed(const Id& id);
  void tell_result(const Id& id, protocol::Result result);
  void fail(const Id& id, const std::string& cause, const std::string& message);
  void cancelled(const Id& id, const std::string& message);
  void end_silent(const std::string& name);
  void release(const std::string& pod);
  void remove(const std::string& pod);
  void sidecar_ended(Pod& pod, const ContainerEnd& end);
  void worker_gone(Delivery gone);
  bool may_save(const Pod& pod) const;
  void fail_by_end(const std::string& pod);
  void arm();
  void look_after(std::int64_t now_us);
  std::size_t warm_pods() const;
  Pod* find(const std::string& pod);

  const PodOptions options_;
  boost::asio::io_context& strand_;
  PodHub& hub_;
  const Sink sink_;
  const PodRecords records_;
  std::unique_ptr<PodDriver> driver_;
  HubAddress address_;
  enum class State { closed, opening, open } state_ = State::closed;
  std::string problem_;  // of the hub, that was said while it is waited for
  std::map<std::string, Pod> pods_;
  std::set<Id> lost_;               // of earlier engines, whose Pods went while none was there
  std::map<Id, Attempt> attempts_;  // launched, and not acknowledged
  std::map<Id, Delivery>
      deliveries_;  // results that are not acknowledged, or that nobody has asked for
  boost::asio::steady_timer timer_;
  bool armed_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace scanflow::backend
