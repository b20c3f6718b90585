#include "sidecar/relay/relay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <variant>

namespace scanflow::relay {

using nlohmann::json;

namespace {

/// Then a worker whose connection has ended does not come back.
constexpr std::int64_t kWorkerGoneUs = 1'000'000;

}  // namespace

Relay::Relay(sidecar::Loop& loop, RelayOptions options, bulk::Client& client, Events events)
    : options_(std::move(options)),
      client_(client),
      events_(std::move(events)),
      inputs_(options_.directory, client),
      checkpoints_(options_.directory + "/saving", client,
                   [this](const Id& id, const std::string& what) {
                     events_.say(fmt::format("{}: {}", id.step, what));
                     events_.tell(protocol::Progress{id, -1, what});
                   }),
      outputs_(options_.directory + "/manifests", client),
      worker_(loop, options_.worker,
              {[this] { connected(); }, [this] { lost(); },
               [this](protocol::Body& body) { on_worker(body); }}),
      worker_gone_(loop.timer([this] { end_without_worker(); })) {
  read_ended();
}

// --- what the hub orders

void Relay::order(const protocol::Body& body) {
  if (const auto* order = std::get_if<protocol::Launch>(&body)) {
    launch(order->request);
  } else if (const auto* stop = std::get_if<protocol::Cancel>(&body)) {
    cancel(*stop);
  } else if (const auto* reply = std::get_if<protocol::HostReply>(&body)) {
    const auto found = attempts_.find(reply->id);
    if (found == attempts_.end() || found->second.calls.erase(reply->call) == 0) return;
    worker_.send(*reply);
  } else if (std::holds_alternative<protocol::Shutdown>(body)) {
    worker_.send(protocol::Shutdown{});
  }
}

void Relay::launch(const protocol::Request& request) {
  const Id& id = request.id;
  if (ended_.contains(id) || attempts_.contains(id)) return;
  attempts_[id].request = request;
  inputs_.bring(request, [this, id](Result<protocol::Request> brought) {
    const auto found = attempts_.find(id);
    if (found == attempts_.end()) return;
    if (!brought) return cannot_begin(id, brought.error().message);
    found->second.request = std::move(*brought);
    found->second.request.log_dir = options_.directory + "/logs";
    found->second.request.secrets.insert(options_.secrets.begin(), options_.secrets.end());
    checkpoints_.begin(found->second.request, [this, id](const Result<void>& there) {
      const auto still = attempts_.find(id);
      if (still == attempts_.end()) return;
      if (!there) return cannot_begin(id, there.error().message);
      still->second.brought = true;
      worker_.send(protocol::Launch{still->second.request});
    });
  });
}

void Relay::cannot_begin(const Id& id, const std::string& why) {
  protocol::Result result;
  result.id = id;
  result.status = "failed";
  result.cause = "retryable";
  result.message = why;
  finish(std::move(result));
}

void Relay::cancel(const protocol::Cancel& order) {
  const auto found = attempts_.find(order.id);
  if (found == attempts_.end() || found->second.ended) return;
  found->second.stop = order.reason;
  if (found->second.brought) return worker_.send(order);
  inputs_.cancel(order.id);
  checkpoints_.end(order.id, false, [] {});
  protocol::Result result;
  result.id = order.id;
  result.status = "cancelled";
  result.cause = order.reason;
  result.message = "stopped before it started: its inputs were being brought into its Pod";
  finish(std::move(result));
}

void Relay::begin_session() {
  for (const auto& [id, attempt] : attempts_) {
    for (const auto& [number, call] : attempt.calls) events_.tell(call);
  }
}

void Relay::drain() {
  draining_ = true;
  end_without_worker();
}

bool Relay::busy() const {
  return std::any_of(attempts_.begin(), attempts_.end(),
                     [](const auto& each) { return each.second.brought; });
}

// --- what the worker says

/// One that has an attempt already says all of it again, instead of starting it anew.
void Relay::connected() {
  worker_.send(protocol::Observe{options_.hub});
  for (const auto& [id, attempt] : attempts_) {
    if (!attempt.brought || attempt.ended) continue;
    worker_.send(protocol::Launch{attempt.request});
    if (!attempt.stop.empty()) worker_.send(protocol::Cancel{id, attempt.stop});
  }
}

void Relay::died(const Id& id, std::string post_mortem) {
  const auto found = attempts_.find(id);
  if (found != attempts_.end()) found->second.post_mortem = std::move(post_mortem);
}

/// Also one that was gone before this sidecar began: the successor of one that was killed with it.
void Relay::lost() {
  if (!sidecar::Loop::armed(worker_gone_))
    sidecar::Loop::arm(worker_gone_, draining_ ? 0 : kWorkerGoneUs);
}

/// Why it has gone is not seen from here.
void Relay::end_without_worker() {
  if (worker_.connected()) return;
  std::vector<Id> there;
  for (const auto& [id, attempt] : attempts_) {
    if (!attempt.ended) there.push_back(id);
  }
  for (const Id& id : there) {
    protocol::Result result;
    result.id = id;
    result.status = "failed";
    result.cause = protocol::kWorkerGone;
    result.message = "its worker has ended";
    const Attempt& attempt = attempts_.at(id);
    if (!attempt.brought) {
      inputs_.cancel(id);
      checkpoints_.end(id, false, [] {});
    }
    result.post_mortem = attempt.post_mortem;
    result.log = attempt.logged;
    std::error_code none;  // then it has no log
    const auto bytes =
        std::filesystem::file_size(attempt.request.log_dir + "/" + result.log.segment, none);
    if (!none && !result.log.segment.empty() && bytes > result.log.offset)
      result.log.length = bytes - result.log.offset;
    ended(std::move(result));
  }
}

void Relay::on_worker(protocol::Body& body) {
  if (const auto* started = std::get_if<protocol::Started>(&body)) {
    const auto found = attempts_.find(started->id);
    if (found != attempts_.end()) send_log(found->first, found->second, started->log);
  } else if (auto* metric = std::get_if<protocol::Metric>(&body)) {
    if (metric->logged) events_.deliver(std::move(*metric));
  } else if (auto* progress = std::get_if<protocol::Progress>(&body)) {
    events_.tell(std::move(*progress));
  } else if (const auto* call = std::get_if<protocol::HostCall>(&body)) {
    const auto found = attempts_.find(call->id);
    if (found == attempts_.end()) return;
    found->second.calls[call->call] = *call;
    events_.tell(*call);
  } else if (auto* end = std::get_if<protocol::Ended>(&body)) {
    ended(std::move(end->result));
  }
}

void Relay::send_log(const Id& id, Attempt& attempt, const protocol::LogRange& log) {
  if (attempt.log || log.segment.empty()) return;
  attempt.logged = log;
  const std::string path = attempt.request.log_dir + "/" + log.segment;
  attempt.log = client_.store_log(id, "log", path, log.offset, [this, id](auto how) {
    const auto found = attempts_.find(id);
    if (found == attempts_.end()) return;
    if (!how) events_.say(fmt::format("the log of {}: {}", id.step, how.error().message));
    found->second.log_over = true;
    finish_if_all_is_there(id);
  });
}

void Relay::ended(protocol::Result result) {
  const Id id = result.id;
  const auto found = attempts_.find(id);
  if (found == attempts_.end() || found->second.ended) return;
  Attempt& attempt = found->second;
  attempt.ended = true;
  if (result.log.length > 0) send_log(id, attempt, result.log);
  if (attempt.log) {
    client_.end_log(*attempt.log, result.log.length);
  } else {
    attempt.log_over = true;
  }
  outputs_.store(std::move(result), [this, id](protocol::Result stored) {
    const auto still = attempts_.find(id);
    if (still == attempts_.end()) return;
    // Another rank may fail yet, and all begin again.
    const bool wanted = stored.status != "succeeded" || still->second.request.replicas > 1;
    still->second.result = std::move(stored);
    checkpoints_.end(id, wanted, [this, id] {
      const auto last = attempts_.find(id);
      if (last == attempts_.end()) return;
      last->second.left = true;
      finish_if_all_is_there(id);
    });
  });
}

void Relay::finish_if_all_is_there(const Id& id) {
  const auto found = attempts_.find(id);
  if (found == attempts_.end() || !found->second.log_over || !found->second.left ||
      !found->second.result) {
    return;
  }
  protocol::Result result = std::move(*found->second.result);
  result.log.segment.clear();  // the hub knows where it has put it
  result.log.offset = 0;
  finish(std::move(result));
}

/// Spooled before it is noted, and noted before the worker forgets it: after a crash in between it is told
/// twice, not never.
void Relay::finish(protocol::Result result) {
  const Id id = result.id;
  const bool known_to_worker = attempts_.at(id).brought;
  attempts_.erase(id);
  events_.deliver(protocol::Ended{std::move(result)});
  note_ended(id);
  if (known_to_worker) worker_.send(protocol::Acknowledge{id});
}

// --- what is over

void Relay::read_ended() {
  std::ifstream file(options_.directory + "/ended");
  for (std::string line; std::getline(file, line);) {
    const json id = json::parse(line, nullptr, false);
    if (id.is_array() && id.size() == 3 && id[0].is_string() && id[1].is_string() &&
        id[2].is_number_unsigned()) {
      ended_.insert({id[0], id[1], id[2]});
    }
  }
}

void Relay::note_ended(const Id& id) {
  ended_.insert(id);
  std::ofstream file(options_.directory + "/ended", std::ios::app);
  file << json({id.run, id.step, id.attempt}).dump(-1, ' ', false, json::error_handler_t::replace)
       << std::endl;
}

}  // namespace scanflow::relay
