// What passes in a session: telemetry, deliveries, commands.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <variant>

#include "engine/hub/known_sidecar.hpp"

namespace scanflow::hub {
namespace {

constexpr std::int64_t kResendUs = 1'000'000;  // a command that the sidecar may not have

std::size_t size_of(const protocol::Series& series) {
  std::size_t sum = series.name.size() + series.kind.size();
  for (const auto& [key, value] : series.labels) sum += key.size() + value.size();
  return sum;
}

std::size_t hash_of(const protocol::Series& series) {
  std::size_t hash = 0;
  const auto add = [&](const std::string& text) {
    hash = hash * 1'000'003 + std::hash<std::string>()(text);
  };
  add(series.name);
  add(series.kind);
  for (const auto& [key, value] : series.labels) {
    add(key);
    add(value);
  }
  return hash;
}

/// Of what a sidecar says nothing can be trusted: a sum that wraps around is its own fault.
std::int64_t sum_of(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

}  // namespace

void Core::telemetry(Session& session, const protocol::Telemetry& batch, std::int64_t now_us) {
  const std::size_t count = batch.numbers.size();
  if (count != batch.times.size() || count != batch.values.size())
    return odd("telemetry of unequal columns");
  if (batch.first - 1 - batch.dropped + count > session.granted)
    return odd("telemetry without credit");
  for (const protocol::Series& series : batch.series) name(session, series);
  constexpr std::uint64_t kUnnamed = Session::Named::kUnnamed;
  samples_.clear();
  std::uint64_t known = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t number = batch.numbers[i];
    const bool named = number >= 1 && number <= session.series.size();
    const std::uint64_t series = named ? session.series[number - 1].owners : kUnnamed;
    if (series == kUnnamed) continue;
    ++known;
    if (series != 0)
      samples_.push_back({series, sum_of(batch.time_us, batch.times[i]), batch.values[i]});
  }
  if (!session.account.take(batch, known)) return odd("telemetry whose figures contradict");
  if (known < count) odd("samples of series that were not named");
  if (!samples_.empty() && events_.samples) events_.samples(samples_);
  give_credit(session, now_us);
}

/// A number means the same series as long as the boot lasts: else a sidecar could have ever more of
/// them under few numbers.
void Core::name(Session& session, const protocol::Series& series) {
  if (series.number == 0 || series.number > limits_.series)
    return odd("series over the limit of one sidecar");
  if (size_of(series) > limits_.series_bytes) return odd("series whose names are too long");
  if (session.series.size() < series.number) session.series.resize(series.number);
  Session::Named& named = session.series[series.number - 1];
  const std::size_t hash = hash_of(series);
  if (named.owners != Session::Named::kUnnamed && named.hash != hash)
    return odd("series that were given another name");
  named = {events_.series ? events_.series(session.key, series) : 0, hash};
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

/// Those that expired before they were sent; of a sidecar that is gone, all that it may have had.
void Core::drop_commands(Session& session, bool gone, std::int64_t now_us) {
  std::erase_if(session.commands, [&](const Pending& pending) {
    const bool over = !pending.sent && now_us >= pending.deadline_us;
    if (over && events_.expired) events_.expired(session.key, pending.command.id);
    const bool lost = gone && pending.sent;
    if (lost && events_.lost) events_.lost(session.key, pending.command.id);
    return over || lost;
  });
}

}  // namespace scanflow::hub
