#include "sidecar/link/session.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>
#include <variant>

namespace scanflow::link {
namespace {

// Hellos without an answer: so far apart at first, then twice as far each time.
constexpr std::int64_t kFirstGreetingUs = 500'000;
constexpr std::int64_t kLastGreetingUs = 15'000'000;
/// Deliveries that the hub has not taken are sent again; on an ordered connection that is so seldom
/// needed that it may take its time.
constexpr std::int64_t kResendUs = 5'000'000;
/// Whatever a hub says, a session is no busy loop, and ends some day.
constexpr std::int64_t kLeastBeatUs = 10'000, kMostLeaseUs = 3'600'000'000;
constexpr std::size_t kBatch = 1000;  // samples of one message
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

}  // namespace

Session::Session(Identity identity, TelemetryRing& telemetry, Outbox& outbox, SessionEvents events)
    : identity_(std::move(identity)),
      telemetry_(telemetry),
      outbox_(outbox),
      events_(std::move(events)) {}

Result<void> Session::receive(std::string_view bytes, std::int64_t now_us) {
  const auto message = protocol::decode(bytes);
  if (!message) {
    ++ignored_;
    return tl::unexpected(message.error());
  }
  if (!*message) return {};  // of a newer hub
  const protocol::Header& header = (*message)->header;
  const protocol::Body& body = (*message)->body;
  if (const auto* reject = std::get_if<protocol::Reject>(&body)) {
    if (open_ && header.boot_id == hub_) end();
    if (events_.rejected) events_.rejected(reject->reason);
    return {};
  }
  if (std::holds_alternative<protocol::Goodbye>(body)) {  // of this hub, or of the next one
    if (header.term < term_ || lapsed_ || !open_) return {};
    lapsed_ = true;
    greet_us_ = now_us;
    return {};
  }
  if (const auto* welcome = std::get_if<protocol::Welcome>(&body)) {
    if (header.term < term_) {
      ++ignored_;  // an older hub still speaks
    } else {
      begin(*welcome, header, now_us);
    }
    return {};
  }
  if (!open_ || header.boot_id != hub_ || header.term != term_ || header.seq <= handled_) {
    ++ignored_;
    return {};
  }
  handled_ = header.seq;
  heard_us_ = now_us;
  if (const auto* credit = std::get_if<protocol::Credit>(&body)) {
    credit_ = std::max(credit_, credit->samples);
  } else if (const auto* beat = std::get_if<protocol::Heartbeat>(&body)) {
    credit_ = std::max(credit_, beat->credit);
  } else if (const auto* delivered = std::get_if<protocol::Delivered>(&body)) {
    if (delivered->spool == outbox_.spool() && delivered->number < outbox_.end())
      outbox_.forget(delivered->number);
    resend_us_ = now_us + kResendUs;
  } else if (const auto* command = std::get_if<protocol::Command>(&body)) {
    if (events_.command) events_.command(*command);
  } else if (events_.order) {
    events_.order(body);
  }
  return {};
}

void Session::begin(const protocol::Welcome& welcome, const protocol::Header& header,
                    std::int64_t now_us) {
  if (open_ && header.boot_id == hub_ && header.seq <= handled_) {
    ++ignored_;  // told twice
    return;
  }
  open_ = true;
  lapsed_ = false;
  hub_ = header.boot_id;
  term_ = header.term;
  handled_ = header.seq;
  terms_ = welcome;
  terms_.heartbeat_us = std::clamp(welcome.heartbeat_us, kLeastBeatUs, kMostLeaseUs);
  terms_.lease_us = std::clamp(welcome.lease_us, kLeastBeatUs, kMostLeaseUs);
  credit_ = welcome.credit;
  heard_us_ = now_us;
  greetings_ = 0;
  sent_up_to_ = 0;
  beat_us_ = now_us + terms_.heartbeat_us;
  told_.clear();
  telemetry_.name_all();
  if (events_.begun) events_.begun(terms_);
}

void Session::end() {
  open_ = lapsed_ = false;
  greet_us_ = 0;
  if (events_.ended) events_.ended();
}

/// Longer each time; not the same for all, so that the sidecars of a hub that comes back do not all
/// come at once.
std::int64_t Session::greeting_wait_us() const {
  const std::int64_t whole =
      std::min(kLastGreetingUs, kFirstGreetingUs << std::min(greetings_, 16u));
  const std::size_t hash = std::hash<std::string>()(identity_.boot_id + std::to_string(greetings_));
  return whole / 2 + static_cast<std::int64_t>(hash % static_cast<std::size_t>(whole / 2));
}

void Session::say(std::vector<std::string>& out, protocol::Body body, std::int64_t now_us) {
  protocol::Message message;
  message.header.pod_uid = identity_.pod_uid;
  message.header.boot_id = identity_.boot_id;
  message.header.term = term_;
  message.header.seq = ++seq_;
  message.header.ack = open_ ? handled_ : 0;
  message.header.t_mono_us = now_us;
  message.body = std::move(body);
  protocol::encode(message, out.emplace_back());
}

std::vector<std::string> Session::poll(std::int64_t now_us) {
  std::vector<std::string> out;
  if (open_ && now_us - heard_us_ >= terms_.lease_us) end();
  if (!open_ || lapsed_) {
    greet(out, now_us);
    return out;
  }
  for (const std::string& id : std::exchange(received_, {}))
    say(out, protocol::Received{id}, now_us);
  for (protocol::Body& body : std::exchange(told_, {})) say(out, std::move(body), now_us);
  deliver(out, now_us);
  send_telemetry(out, now_us);
  if (goodbye_) {
    say(out, protocol::Goodbye{*std::exchange(goodbye_, std::nullopt)}, now_us);
    open_ = false;
    greet_us_ = kNever;
  } else if (now_us >= beat_us_) {
    say(out, protocol::Heartbeat{telemetry_.account()}, now_us);
    beat_us_ = now_us + terms_.heartbeat_us;
  }
  return out;
}

void Session::greet(std::vector<std::string>& out, std::int64_t now_us) {
  if (now_us < greet_us_) return;
  protocol::Hello hello = identity_.hello;
  hello.telemetry = telemetry_.account();
  hello.last_command = last_command_;
  hello.spool = outbox_.spool();
  hello.oldest = outbox_.first();
  if (events_.token) hello.token = events_.token();
  say(out, std::move(hello), now_us);
  greet_us_ = now_us + greeting_wait_us();
  ++greetings_;
}

void Session::deliver(std::vector<std::string>& out, std::int64_t now_us) {
  const std::uint64_t first = outbox_.first();
  if (sent_up_to_ >= first && now_us >= resend_us_) sent_up_to_ = 0;
  const std::uint64_t from = std::max(first, sent_up_to_ + 1);
  const std::uint64_t to = std::min(outbox_.end(), first + terms_.window);
  for (std::uint64_t number = from; number < to; ++number) {
    say(out, protocol::Deliver{outbox_.spool(), number, {outbox_.read(number)}}, now_us);
    sent_up_to_ = number;
    resend_us_ = now_us + kResendUs;
  }
}

void Session::send_telemetry(std::vector<std::string>& out, std::int64_t now_us) {
  for (;;) {
    protocol::Telemetry batch;
    const std::uint64_t left = credit_ - std::min(credit_, telemetry_.account().sent);
    if (!telemetry_.take(std::min<std::uint64_t>(left, kBatch), batch)) return;
    say(out, std::move(batch), now_us);
  }
}

std::int64_t Session::wake_us() const {
  if (!open_) return greet_us_;
  if (lapsed_) return std::min(greet_us_, heard_us_ + terms_.lease_us);
  std::int64_t wake = std::min(beat_us_, heard_us_ + terms_.lease_us);
  if (sent_up_to_ >= outbox_.first()) wake = std::min(wake, resend_us_);
  return wake;
}

}  // namespace scanflow::link
