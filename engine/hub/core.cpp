#include "engine/hub/core.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>
#include <variant>

namespace scanflow::hub {
namespace {

constexpr std::int64_t kResendUs = 1'000'000;      // a command that the sidecar may not have
constexpr std::int64_t kOddUs = 60'000'000;        // between two accounts of what is odd
constexpr std::int64_t kForgetUs = 3'600'000'000;  // a sidecar that is away
constexpr std::size_t kFenced = 8;                 // boots that are remembered
constexpr std::uint64_t kUnnamed = ~std::uint64_t{0};

}  // namespace

struct Core::Pending {
  protocol::Command command;
  std::int64_t deadline_us = 0;
  std::int64_t send_us = 0;  // when it is sent next
  bool sent = false;         // ever: from then on only the sidecar knows of its end
  bool received = false;     // in this session
};

struct Core::Session {
  SidecarKey key;
  std::string routing_id;  // empty: it is away
  std::string boot_id;
  std::deque<std::string> fenced;  // earlier boots
  std::uint64_t seq = 0;           // of what was said to it last
  std::uint64_t handled = 0;       // its highest number
  std::int64_t heard_us = 0, beat_us = 0;
  TelemetryAccount account;
  std::uint64_t granted = 0;          // samples that may be sent in this boot
  std::vector<std::uint64_t> series;  // by number - 1: the owner's
  std::string spool;
  std::uint64_t taken = 0, committed = 0;  // deliveries
  std::vector<Pending> commands;

  bool attached() const { return !routing_id.empty(); }
};

Core::Core(std::string boot_id, std::uint64_t term, HubLimits limits, HubEvents events)
    : boot_id_(std::move(boot_id)), term_(term), limits_(limits), events_(std::move(events)) {}
Core::~Core() = default;

void Core::receive(const Peer& peer, std::string_view bytes, std::int64_t now_us) {
  auto message = protocol::decode(bytes);
  if (!message) {
    const auto header = protocol::decode_header(bytes);
    odd(header && header->major != protocol::kMajor ? "another version of the protocol"
                                                    : "malformed messages");
    if (header && header->major != protocol::kMajor) reject(peer, message.error().message, now_us);
    return;
  }
  if (!*message) return;  // of a newer sidecar
  if (const auto* greeting = std::get_if<protocol::Hello>(&(*message)->body))
    return hello(peer, (*message)->header, *greeting, now_us);
  const auto found = by_routing_.find(peer.routing_id);
  if (found == by_routing_.end())
    return answer(peer, protocol::Goodbye{"this hub knows no such session"}, now_us);
  Session& session = *found->second;
  const protocol::Header& header = (*message)->header;
  if (header.boot_id != session.boot_id || header.pod_uid != session.key.pod_uid ||
      peer.user != session.key.user) {
    return odd("messages in another's name");
  }
  if (header.seq <= session.handled) return odd("messages that were told twice");
  const bool gap = header.seq > session.handled + 1;
  session.handled = header.seq;
  session.heard_us = now_us;
  if (gap) {  // what is missing may have named a series, or told of a command
    odd("messages that did not come");
    welcome(session, now_us);
  }
  handle(session, std::move(**message), now_us);
}

void Core::hello(const Peer& peer, const protocol::Header& header, const protocol::Hello& hello,
                 std::int64_t now_us) {
  if (hello.role != "sidecar")
    return reject(peer, fmt::format("the role '{}' is not served here", hello.role), now_us);
  if (header.boot_id.empty() || header.pod_uid.empty())
    return reject(peer, "a Hello must name the Pod and the boot", now_us);
  const SidecarKey key{peer.user, header.pod_uid};
  const auto known = sessions_.find(key);
  const bool is_attached = known != sessions_.end() && known->second->attached();
  if (!is_attached && by_routing_.size() >= limits_.sessions) {
    odd("sidecars over the limit of sessions");
    return reject(peer, fmt::format("the hub has {} sessions, its limit", limits_.sessions),
                  now_us);
  }
  auto& slot = sessions_[key];
  if (!slot) slot = std::make_unique<Session>();
  Session& session = *slot;
  session.key = key;
  const auto& fenced = session.fenced;
  if (std::find(fenced.begin(), fenced.end(), header.boot_id) != fenced.end())
    return reject(peer, "another sidecar of this Pod has taken over", now_us);
  if (session.boot_id == header.boot_id && header.seq <= session.handled)
    return odd("messages that were told twice");
  if (session.boot_id != header.boot_id) {
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
  session.routing_id = peer.routing_id;
  session.handled = header.seq;
  session.heard_us = now_us;
  session.beat_us = now_us + limits_.heartbeat_us;
  if (session.spool != hello.spool) {
    session.spool = hello.spool;
    session.committed = std::max<std::uint64_t>(hello.oldest, 1) - 1;
  }
  by_routing_[peer.routing_id] = &session;
  welcome(session, now_us);
  if (events_.attached) events_.attached(key, hello);
}

/// A session begins, or begins anew: the sidecar names its series again, and tells its deliveries.
void Core::welcome(Session& session, std::int64_t now_us) {
  session.granted = session.account.sent() + limits_.credit;
  session.taken = session.committed;  // what is on its way to the store is told again, to be sure
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
  } else if (const auto* goodbye = std::get_if<protocol::Goodbye>(&message.body)) {
    detach(session, goodbye->reason);
  } else {
    odd("messages that no sidecar says");
  }
}

void Core::telemetry(Session& session, const protocol::Telemetry& batch, std::int64_t now_us) {
  const std::size_t count = batch.numbers.size();
  if (count != batch.times.size() || count != batch.values.size())
    return odd("telemetry of unequal columns");
  if (batch.first - 1 - batch.dropped + count > session.granted)
    return odd("telemetry without credit");
  for (const protocol::Series& series : batch.series) {
    if (series.number == 0 || series.number > limits_.series) {
      odd("series over the limit of one sidecar");
      continue;
    }
    if (session.series.size() < series.number) session.series.resize(series.number, kUnnamed);
    session.series[series.number - 1] = events_.series ? events_.series(session.key, series) : 0;
  }
  samples_.clear();
  std::uint64_t known = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t number = batch.numbers[i];
    const bool named = number >= 1 && number <= session.series.size();
    const std::uint64_t series = named ? session.series[number - 1] : kUnnamed;
    if (series == kUnnamed) continue;
    ++known;
    if (series != 0) samples_.push_back({series, batch.time_us + batch.times[i], batch.values[i]});
  }
  if (!session.account.take(batch, known)) return odd("telemetry whose figures contradict");
  if (known < count) odd("samples of series that were not named");
  if (!samples_.empty() && events_.samples) events_.samples(samples_);
  give_credit(session, now_us);
}

/// Not for each message: once half of it is used.
void Core::give_credit(Session& session, std::int64_t now_us) {
  const std::uint64_t full = session.account.sent() + limits_.credit;
  if (full - session.granted < limits_.credit / 2 || full <= session.granted) return;
  session.granted = full;
  say(session, protocol::Credit{full}, now_us);
}

void Core::deliver(Session& session, const protocol::Deliver& delivery, std::int64_t now_us) {
  if (delivery.spool != session.spool) return odd("deliveries of an unknown spool");
  if (delivery.number <= session.committed)
    return say(session, protocol::Delivered{session.spool, session.committed}, now_us);
  if (delivery.number != session.taken + 1) return;  // told twice, or one before it is missing
  if (session.taken - session.committed >= limits_.window) return odd("deliveries over the window");
  auto message = protocol::decode(delivery.message.data);
  if (!message) odd("malformed deliveries");
  session.taken = delivery.number;
  if (!message || !*message) {
    protocol::Message none;  // so that it is committed in its turn, and does not come for ever
    none.body = protocol::Goodbye{"malformed, or of a newer sidecar"};
    message = std::move(none);
  }
  if (const auto* outcome = std::get_if<protocol::Outcome>(&(*message)->body)) {
    std::erase_if(session.commands,
                  [&](const Pending& pending) { return pending.command.id == outcome->id; });
  }
  if (events_.delivery) events_.delivery(session.key, delivery.number, std::move(**message));
}

void Core::delivered(const SidecarKey& from, std::uint64_t number, std::int64_t now_us) {
  const auto found = sessions_.find(from);
  if (found == sessions_.end() || number <= found->second->committed) return;
  Session& session = *found->second;
  session.committed = number;
  session.taken = std::max(session.taken, number);
  if (session.attached()) say(session, protocol::Delivered{session.spool, number}, now_us);
}

Result<void> Core::command(const SidecarKey& to, protocol::Command command, std::int64_t now_us,
                           bool sent) {
  auto& slot = sessions_[to];
  if (!slot) {
    slot = std::make_unique<Session>();
    slot->key = to;
    slot->heard_us = now_us;
  }
  if (slot->commands.size() >= limits_.commands) {
    return fail(
        fmt::format("{} commands wait for this sidecar already, the limit", limits_.commands));
  }
  const std::int64_t deadline_us = now_us + command.deadline_us;
  slot->commands.push_back({std::move(command), deadline_us, now_us, sent});
  if (slot->attached()) send_commands(*slot, now_us);
  return {};
}

void Core::send_commands(Session& session, std::int64_t now_us) {
  for (Pending& pending : session.commands) {
    const bool late = now_us >= pending.deadline_us;
    if (pending.received || now_us < pending.send_us || (late && !pending.sent)) continue;
    protocol::Command command = pending.command;
    command.deadline_us = std::max<std::int64_t>(pending.deadline_us - now_us, 0);
    pending.send_us = now_us + kResendUs;
    pending.sent = true;
    say(session, std::move(command), now_us);
  }
}

void Core::tick(std::int64_t now_us) {
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    Session& session = *at->second;
    if (session.attached() && now_us - session.heard_us >= limits_.lease_us)
      detach(session, "nothing was heard of it");
    if (session.attached() && now_us >= session.beat_us) {
      session.beat_us = now_us + limits_.heartbeat_us;
      say(session, protocol::Heartbeat{.credit = session.granted}, now_us);
    }
    if (session.attached()) send_commands(session, now_us);
    std::erase_if(session.commands, [&](const Pending& pending) {
      const bool over = !pending.sent && now_us >= pending.deadline_us;
      if (over && events_.expired) events_.expired(session.key, pending.command.id);
      return over;
    });
    const bool gone = !session.attached() && now_us - session.heard_us >= kForgetUs;
    std::erase_if(session.commands, [&](const Pending& pending) {
      const bool lost = gone && pending.sent;
      if (lost && events_.lost) events_.lost(session.key, pending.command.id);
      return lost;
    });
    at = gone && session.commands.empty() ? sessions_.erase(at) : std::next(at);
  }
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
  if (odd_.empty() || now_us - odd_told_us_ < kOddUs) return;
  odd_told_us_ = now_us;
  for (const auto& [what, times] : std::exchange(odd_, {})) {
    if (events_.odd) events_.odd(what, times);
  }
}

}  // namespace scanflow::hub
