#include "engine/hub/core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "engine/hub/known_sidecar.hpp"

namespace scanflow::hub {
namespace {

constexpr std::int64_t kForgetUs = 3'600'000'000;  // a sidecar that is away
constexpr std::size_t kFenced = 8;                 // boots that are remembered

}  // namespace

Core::Core(std::string boot_id, std::uint64_t term, HubLimits limits, HubEvents events)
    : boot_id_(std::move(boot_id)),
      term_(term),
      limits_(limits),
      events_(std::move(events)),
      admission_(limits) {}
Core::~Core() = default;

void Core::receive(const Peer& peer, std::string_view bytes, std::int64_t now_us) {
  bool reads = false;
  Session* session = sender(peer, bytes.size(), now_us, reads);
  if (!reads) return odd("messages over the rate of one sidecar, not read");
  auto message = protocol::decode(bytes);
  if (!message) return unreadable(peer, bytes, message.error(), now_us);
  if (!*message) return;  // of a newer sidecar
  if (const auto* greeting = std::get_if<protocol::Hello>(&(*message)->body))
    return hello(peer, (*message)->header, *greeting, now_us);
  if (session == nullptr)
    return answer(peer, protocol::Goodbye{"this hub knows no such session"}, now_us);
  in_session(*session, peer, std::move(**message), now_us);
}

/// The session that a connection has; null: none. What is over its budget is not even decoded, so
/// that a flood costs the others next to nothing.
Core::Session* Core::sender(const Peer& peer, std::size_t bytes, std::int64_t now_us, bool& reads) {
  const auto found = by_routing_.find(peer.routing_id);
  if (found == by_routing_.end()) {
    reads = admission_.reads(peer.routing_id, bytes, now_us);
    return nullptr;
  }
  reads = found->second->bytes.take(bytes + kMessageCost, limits_.bytes, now_us);
  return found->second;
}

void Core::unreadable(const Peer& peer, std::string_view bytes, const Error& error,
                      std::int64_t now_us) {
  const auto header = protocol::decode_header(bytes);
  if (!header || header->major == protocol::kMajor) return odd("malformed messages");
  odd("another version of the protocol");
  reject(peer, error.message, now_us);
}

void Core::in_session(Session& session, const Peer& peer, protocol::Message message,
                      std::int64_t now_us) {
  const protocol::Header& header = message.header;
  if (header.boot_id != session.boot_id || header.pod_uid != session.key.pod_uid ||
      peer.user != session.key.user) {
    return odd("messages in another's name");
  }
  if (header.seq <= session.handled) return odd("messages that were told twice");
  if (header.seq > session.handled + 1) {
    odd("messages that did not come");
    session.gap = true;
  }
  session.handled = header.seq;
  session.heard_us = now_us;
  close_gap(session, now_us);
  handle(session, std::move(message), now_us);
}

/// What is missing may have named a series, or told of a command: the session begins anew. Not each
/// time: whoever loses much would do little else.
void Core::close_gap(Session& session, std::int64_t now_us) {
  if (session.gap && now_us - session.welcomed_us >= limits_.greet_again_us)
    welcome(session, now_us);
}

void Core::hello(const Peer& peer, const protocol::Header& header, const protocol::Hello& hello,
                 std::int64_t now_us) {
  if (hello.role != "sidecar")
    return reject(peer, fmt::format("the role '{}' is not served here", hello.role), now_us);
  if (header.boot_id.empty() || header.pod_uid.empty())
    return reject(peer, "a Hello must name the Pod and the boot", now_us);
  Session* session = admit(peer, {peer.user, header.pod_uid}, hello, now_us);
  if (session == nullptr) return;
  // Only as long as the other one lives: what took over may have been the last word of a dead one.
  const auto& fenced = session->fenced;
  if (session->attached() &&
      std::find(fenced.begin(), fenced.end(), header.boot_id) != fenced.end())
    return reject(peer, "another sidecar of this Pod has taken over", now_us);
  if (session->boot_id == header.boot_id && header.seq <= session->handled)
    return odd("messages that were told twice");
  attach(*session, peer, header, hello, now_us);
}

/// The sidecar that greets; null: it gets no session now, and was told where that is for good.
Core::Session* Core::admit(const Peer& peer, const SidecarKey& key, const protocol::Hello& hello,
                           std::int64_t now_us) {
  auto known = sessions_.find(key);
  const bool is_attached = known != sessions_.end() && known->second->attached();
  if (!admission_.greets(key.user, now_us) ||
      (known != sessions_.end() && !known->second->greetings.take(1, limits_.greetings, now_us))) {
    odd("Hellos over the rate of one sidecar or user");  // it greets again, ever more seldom
    return nullptr;
  }
  if (!enters(peer, key, hello, now_us)) return nullptr;
  if (!is_attached && by_routing_.size() >= limits_.sessions) {
    odd("sidecars over the limit of sessions");
    reject(peer, fmt::format("the hub has {} sessions, its limit", limits_.sessions), now_us);
    return nullptr;
  }
  if (!is_attached && !admission_.has_place(key.user)) {
    odd("sidecars over the limit of one key");
    reject(
        peer,
        fmt::format("{} sidecars with this key have a session, the limit", limits_.user_sessions),
        now_us);
    return nullptr;
  }
  if (known == sessions_.end()) {
    if (sessions_.size() >= 2 * limits_.sessions && !make_room()) {
      odd("sidecars over the limit of those that are known");
      return nullptr;
    }
    known = sessions_.emplace(key, std::make_unique<Session>()).first;
    known->second->key = key;
    (void)known->second->greetings.take(1, limits_.greetings, now_us);
  }
  return known->second.get();
}

bool Core::enters(const Peer& peer, const SidecarKey& key, const protocol::Hello& hello,
                  std::int64_t now_us) {
  if (!events_.enters) return true;
  std::string why;
  const Entry entry = events_.enters(key, hello, why);
  if (entry == Entry::no) {
    odd("sidecars that are not who they say");
    reject(peer, why, now_us);
  }
  return entry == Entry::yes;
}

/// Forgets the sidecar that is away for the longest time, of those for which no command waits.
bool Core::make_room() {
  auto oldest = sessions_.end();
  for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
    const Session& session = *at->second;
    if (session.attached() || !session.commands.empty()) continue;
    if (oldest == sessions_.end() || session.heard_us < oldest->second->heard_us) oldest = at;
  }
  if (oldest == sessions_.end()) return false;
  sessions_.erase(oldest);
  return true;
}

void Core::attach(Session& session, const Peer& peer, const protocol::Header& header,
                  const protocol::Hello& hello, std::int64_t now_us) {
  if (session.boot_id != header.boot_id) {
    std::erase(session.fenced, header.boot_id);
    if (!session.boot_id.empty()) session.fenced.push_back(session.boot_id);
    if (session.fenced.size() > kFenced) session.fenced.pop_front();
    if (session.attached()) detach(session, "its sidecar was replaced");
    session.boot_id = header.boot_id;
    session.account = TelemetryAccount(hello.telemetry);
    session.series.clear();
  } else {
    if (!session.account.settle(hello.telemetry)) odd("telemetry whose figures contradict");
    if (session.attached()) detach(session, "it has connected anew");
  }
  const auto other = by_routing_.find(peer.routing_id);
  if (other != by_routing_.end()) detach(*other->second, "its connection greets for another Pod");
  session.routing_id = peer.routing_id;
  session.handled = header.seq;
  session.heard_us = now_us;
  session.beat_us = now_us + limits_.heartbeat_us;
  const std::uint64_t before = std::max<std::uint64_t>(hello.oldest, 1) - 1;
  if (session.spool != hello.spool) {
    session.spool = hello.spool;
    session.committed = session.taken = before;
  } else if (session.committed < before) {  // it has none of these any more
    session.committed = before;
    session.taken = std::max(session.taken, before);
  }
  by_routing_[peer.routing_id] = &session;
  admission_.forget(peer.routing_id);
  admission_.attached(session.key.user);
  welcome(session, now_us);
  if (events_.attached) events_.attached(session.key, hello);
}

/// A session begins, or begins anew: the sidecar names its series again, and tells its deliveries.
void Core::welcome(Session& session, std::int64_t now_us) {
  session.granted = session.account.sent() + limits_.credit;
  session.welcomed_us = now_us;
  session.gap = false;
  say(session,
      protocol::Welcome{limits_.lease_us, limits_.heartbeat_us, limits_.sample_us, session.granted,
                        limits_.window},
      now_us);
  for (Pending& pending : session.commands) {
    pending.received = false;  // its journal says what became of it
    pending.send_us = now_us;
  }
  send_commands(session, now_us);
}

void Core::handle(Session& session, protocol::Message message, std::int64_t now_us) {
  if (const auto* batch = std::get_if<protocol::Telemetry>(&message.body)) {
    telemetry(session, *batch, now_us);
  } else if (const auto* beat = std::get_if<protocol::Heartbeat>(&message.body)) {
    if (!session.account.settle(beat->telemetry)) odd("telemetry whose figures contradict");
    give_credit(session, now_us);
  } else if (const auto* delivery = std::get_if<protocol::Deliver>(&message.body)) {
    deliver(session, *delivery, now_us);
  } else if (const auto* received = std::get_if<protocol::Received>(&message.body)) {
    for (Pending& pending : session.commands) {
      if (pending.command.id == received->id) pending.received = true;
    }
  } else if (const auto* started = std::get_if<protocol::Started>(&message.body)) {
    if (events_.workload) events_.workload(session.key, *started);
  } else if (const auto* offers = std::get_if<protocol::Offers>(&message.body)) {
    if (events_.offers) events_.offers(session.key, *offers);
  } else if (std::holds_alternative<protocol::Progress>(message.body) ||
             std::holds_alternative<protocol::HostCall>(message.body)) {
    if (events_.said) events_.said(session.key, message.body);
  } else if (const auto* goodbye = std::get_if<protocol::Goodbye>(&message.body)) {
    detach(session, goodbye->reason);
  } else {
    odd("messages that no sidecar says");
  }
}

void Core::suspect(Session& session, std::int64_t now_us) const {
  constexpr std::int64_t kBeats = 3;
  if (!session.attached() || session.suspected_us == session.heard_us ||
      now_us - session.heard_us < kBeats * limits_.heartbeat_us)
    return;
  session.suspected_us = session.heard_us;
  if (events_.suspected) events_.suspected(session.key);
}

bool Core::tell(const SidecarKey& to, protocol::Body order, std::int64_t now_us) {
  const auto found = sessions_.find(to);
  if (found == sessions_.end() || !found->second->attached()) return false;
  say(*found->second, std::move(order), now_us);
  return true;
}

void Core::tick(std::int64_t now_us) {
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    Session& session = *at->second;
    if (session.attached() && now_us - session.heard_us >= limits_.lease_us)
      detach(session, "nothing was heard of it");
    suspect(session, now_us);
    if (session.attached() && now_us >= session.beat_us) {
      session.beat_us = now_us + limits_.heartbeat_us;
      say(session, protocol::Heartbeat{.credit = session.granted}, now_us);
    }
    if (session.attached()) send_commands(session, now_us);
    if (session.attached()) close_gap(session, now_us);
    const bool gone = !session.attached() && now_us - session.heard_us >= kForgetUs;
    drop_commands(session, gone, now_us);
    at = gone && session.commands.empty() ? sessions_.erase(at) : std::next(at);
  }
  admission_.tick(now_us);
  tell_odd(now_us);
}

void Core::say(Session& session, protocol::Body body, std::int64_t now_us) {
  protocol::Message message;
  message.header.pod_uid = session.key.pod_uid;
  message.header.boot_id = boot_id_;
  message.header.term = term_;
  message.header.seq = ++session.seq;
  message.header.ack = session.handled;
  message.header.t_mono_us = now_us;
  message.body = std::move(body);
  Outgoing& out = outgoing_.emplace_back();
  out.routing_id = session.routing_id;
  protocol::encode(message, out.bytes);
}

void Core::reject(const Peer& peer, const std::string& reason, std::int64_t now_us) {
  answer(peer, protocol::Reject{reason}, now_us);
}

void Core::answer(const Peer& peer, protocol::Body body, std::int64_t now_us) {
  if (!admission_.answers(peer.routing_id, now_us)) return;
  protocol::Message message;
  message.header.boot_id = boot_id_;
  message.header.term = term_;
  message.header.t_mono_us = now_us;
  message.body = std::move(body);
  Outgoing& out = outgoing_.emplace_back();
  out.routing_id = peer.routing_id;
  protocol::encode(message, out.bytes);
}

void Core::detach(Session& session, const std::string& why) {
  by_routing_.erase(session.routing_id);
  session.routing_id.clear();
  admission_.detached(session.key.user);
  if (events_.detached) events_.detached(session.key, why);
}

void Core::disconnected(const std::string& routing_id, const std::string& why) {
  const auto found = by_routing_.find(routing_id);
  if (found != by_routing_.end()) detach(*found->second, why);
}

const TelemetryAccount* Core::account(const SidecarKey& of) const {
  const auto found = sessions_.find(of);
  return found == sessions_.end() ? nullptr : &found->second->account;
}

void Core::tell_odd(std::int64_t now_us) {
  if (odd_.empty() || now_us - odd_told_us_ < limits_.odd_us) return;
  odd_told_us_ = now_us;
  for (const auto& [what, times] : std::exchange(odd_, {})) {
    if (events_.odd) events_.odd(what, times);
  }
}

}  // namespace scanflow::hub
