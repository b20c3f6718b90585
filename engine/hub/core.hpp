// What the hub knows of its sidecars, and what it says to them. Pure: no socket, no clock, no thread.
// sidecar/protocol/README.md has the rules.
//
// Use: hand in what arrives and call tick() now and then; send what take_outgoing() gives.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/hub/account.hpp"
#include "engine/hub/admission.hpp"
#include "engine/hub/limits.hpp"
#include "engine/hub/peer.hpp"
#include "sdk/base/result.hpp"
#include "sidecar/protocol/codec.hpp"

namespace scanflow::hub {

struct Sample {
  std::uint64_t series = 0;  // what HubEvents::series gave
  std::int64_t time_us = 0;  // wall clock of the sidecar
  double value = 0;
};

/// What the core tells its owner; called within its members.
struct HubEvents {
  /// Of one that greets, whose key is known; of `no` the reason. Null: yes.
  std::function<Entry(const SidecarKey&, const protocol::Hello&, std::string& why)> enters;
  std::function<void(const SidecarKey&, const protocol::Hello&)> attached;
  std::function<void(const SidecarKey&, const std::string& why)> detached;
  /// Nothing was heard of it for three heartbeats: it may be away. Once each time.
  std::function<void(const SidecarKey&)> suspected;
  /// It can act on an attempt; it lets one do this to it.
  std::function<void(const SidecarKey&, const protocol::Started&)> workload;
  std::function<void(const SidecarKey&, const protocol::Offers&)> offers;
  /// Progress, or a HostCall: said once in a session, and lost with it; a call is then asked again.
  std::function<void(const SidecarKey&, const protocol::Body&)> said;
  /// A number for a series; 0: its samples are not wanted.
  std::function<std::uint64_t(const SidecarKey&, const protocol::Series&)> series;
  std::function<void(std::span<const Sample>)> samples;
  /// To be committed; then Core::delivered is due. In the order of the spool, each once (but again
  /// after a restart of the hub), and no more than the window at any time.
  std::function<void(const SidecarKey&, std::uint64_t number, protocol::Message)> delivery;
  /// The deadline of a command came before it was sent to anybody.
  std::function<void(const SidecarKey&, const std::string& command)> expired;
  /// It was sent, and the sidecar is gone for an hour: what became of it is not known.
  std::function<void(const SidecarKey&, const std::string& command)> lost;
  /// Something that should not be: malformed, a replay, over a limit. Once in a minute at most, with
  /// how many there were.
  std::function<void(const std::string& what, std::uint64_t times)> odd;
};

class Core {
 public:
  /// boot_id: of this process. term: higher than that of any hub before.
  Core(std::string boot_id, std::uint64_t term, HubLimits limits, HubEvents events);
  ~Core();

  /// One message. now_us: a monotonic clock, here as everywhere.
  void receive(const Peer& peer, std::string_view bytes, std::int64_t now_us);
  /// To be sent until the sidecar has it, whether it is attached now or later. The deadline is counted
  /// from now; `sent`: an earlier hub may have sent it. Once it is sent, the sidecar says what becomes
  /// of it, also after the deadline. An error: too many wait for it already.
  Result<void> command(const SidecarKey& to, protocol::Command command, std::int64_t now_us,
                       bool sent = false);
  /// An order for its Pod: Launch, Cancel, HostReply, Shutdown. Lost where it is not attached, or with its
  /// session: whoever gives it says it again when it is attached anew. False: it is not attached.
  bool tell(const SidecarKey& to, protocol::Body order, std::int64_t now_us);
  /// All deliveries up to this one are committed.
  void delivered(const SidecarKey& from, std::uint64_t number, std::int64_t now_us);
  /// Heartbeats, commands that are to be sent again, sidecars that are lost.
  void tick(std::int64_t now_us);
  std::vector<Outgoing> take_outgoing() { return std::exchange(outgoing_, {}); }
  /// The transport cannot reach it any more, or it takes nothing.
  void disconnected(const std::string& routing_id, const std::string& why);

  /// Something odd that the transport has seen; told like all that is.
  void odd(const std::string& what, std::uint64_t times = 1) { odd_[what] += times; }

  std::size_t attached() const { return by_routing_.size(); }
  std::size_t known() const { return sessions_.size(); }  // with those that are away
  /// Of its last boot that this hub knows; null: none.
  const TelemetryAccount* account(const SidecarKey& of) const;

 private:
  struct Pending;
  struct Session;

  Session* sender(const Peer& peer, std::size_t bytes, std::int64_t now_us, bool& reads);
  void unreadable(const Peer& peer, std::string_view bytes, const Error& error,
                  std::int64_t now_us);
  void in_session(Session& session, const Peer& peer, protocol::Message message,
                  std::int64_t now_us);
  void hello(const Peer& peer, const protocol::Header& header, const protocol::Hello& hello,
             std::int64_t now_us);
  Session* admit(const Peer& peer, const SidecarKey& key, const protocol::Hello& hello,
                 std::int64_t now_us);
  bool enters(const Peer& peer, const SidecarKey& key, const protocol::Hello& hello,
              std::int64_t now_us);
  void attach(Session& session, const Peer& peer, const protocol::Header& header,
              const protocol::Hello& hello, std::int64_t now_us);
  bool make_room();
  void welcome(Session& session, std::int64_t now_us);
  void close_gap(Session& session, std::int64_t now_us);
  void handle(Session& session, protocol::Message message, std::int64_t now_us);
  void telemetry(Session& session, const protocol::Telemetry& batch, std::int64_t now_us);
  void name(Session& session, const protocol::Series& series);
  void deliver(Session& session, const protocol::Deliver& delivery, std::int64_t now_us);
  void give_credit(Session& session, std::int64_t now_us);
  void send_commands(Session& session, std::int64_t now_us);
  void drop_commands(Session& session, bool gone, std::int64_t now_us);
  void say(Session& session, protocol::Body body, std::int64_t now_us);
  void answer(const Peer& peer, protocol::Body body, std::int64_t now_us);
  void reject(const Peer& peer, const std::string& reason, std::int64_t now_us);
  void detach(Session& session, const std::string& why);
  void suspect(Session& session, std::int64_t now_us) const;
  void tell_odd(std::int64_t now_us);

  const std::string boot_id_;
  const std::uint64_t term_;
  const HubLimits limits_;
  const HubEvents events_;
  Admission admission_;
  std::map<SidecarKey, std::unique_ptr<Session>> sessions_;  // also those that are away
  std::unordered_map<std::string, Session*> by_routing_;     // those that are attached
  std::vector<Outgoing> outgoing_;
  std::vector<Sample> samples_;  // reused
  std::map<std::string, std::uint64_t> odd_;
  std::int64_t odd_told_us_ = 0;
};

}  // namespace scanflow::hub
