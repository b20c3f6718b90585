#include "sidecar/bulk/client.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "sidecar/bulk/transfer.hpp"

namespace scanflow::bulk {
namespace {

/// At once, logs aside: more would not be faster, and each has a window of its own at the hub.
constexpr std::size_t kActive = 4;
constexpr std::int64_t kFar = std::int64_t{1} << 60;
constexpr std::int64_t kLogUs = 200'000;  // between two looks at a log

}  // namespace

Client::Client(Identity identity, MakeHasher hasher)
    : identity_(std::move(identity)), hasher_(std::move(hasher)) {}
Client::~Client() = default;

Client::Number Client::add(TransferPtr transfer) {
  const Number number = transfer->number = ++last_;
  (transfer->fetches ? transfer->fetch.transfer : transfer->store.transfer) = number;
  transfers_.emplace(number, std::move(transfer));
  return number;
}

Client::Number Client::fetch(const std::string& object, const std::string& sha256, std::string path,
                             Done done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->fetches = true;
  transfer->fetch.object = object;
  transfer->fetch.sha256 = sha256;
  transfer->path = std::move(path);
  transfer->done = std::move(done);
  return add(std::move(transfer));
}

Client::Number Client::store(const protocol::AttemptId& id, const std::string& object,
                             const std::string& name, std::string path, Done done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->store.id = id;
  transfer->store.object = object;
  transfer->store.name = name;
  transfer->path = std::move(path);
  transfer->done = std::move(done);
  return add(std::move(transfer));
}

Client::Number Client::store_log(const protocol::AttemptId& id, const std::string& name,
                                 std::string path, std::uint64_t offset, Done done) {
  const Number number = store(id, "log", name, std::move(path), std::move(done));
  transfers_.at(number)->offset = offset;
  return number;
}

void Client::end_log(Number log, std::uint64_t length) {
  const auto found = transfers_.find(log);
  if (found != transfers_.end()) found->second->length = length;
}

void Client::cancel(Number transfer) {
  const auto found = transfers_.find(transfer);
  if (found == transfers_.end()) return;
  if (found->second->active) say(protocol::Refused{transfer, "nobody wants it any more", false});
  found->second->drop_part();
  transfers_.erase(found);
}

std::vector<std::string> Client::poll(std::int64_t now_us) {
  chunks_ = 0;
  begin(now_us);
  std::vector<Number> active;
  for (const auto& [number, transfer] : transfers_) {
    if (transfer->active) active.push_back(number);
  }
  for (const Number number : active) {  // one that ends may have others end
    if (const auto found = transfers_.find(number); found != transfers_.end())
      advance(*found->second, now_us);
  }
  return std::exchange(outgoing_, {});
}

/// Those that wait have their turn: logs at once.
void Client::begin(std::int64_t now_us) {
  std::size_t active = 0;
  for (const auto& [number, transfer] : transfers_)
    active += transfer->active && !transfer->is_log() ? 1 : 0;
  for (auto& [number, transfer] : transfers_) {
    if (transfer->active || (!transfer->is_log() && active >= kActive)) continue;
    if (!transfer->is_log()) ++active;
    transfer->active = true;
    transfer->say_us = now_us;
  }
}

std::int64_t Client::wake_us(std::int64_t now_us) const {
  std::int64_t wake_us = outgoing_.empty() ? kFar : now_us;
  std::size_t active = 0, waiting = 0;
  for (const auto& [number, transfer] : transfers_) {
    if (!transfer->is_log()) ++(transfer->active ? active : waiting);
    if (!transfer->active) continue;
    wake_us = std::min(wake_us, transfer->say_us);
    if (!transfer->out || !transfer->goes_on || transfer->sealed) continue;
    const bool sends = !transfer->out->all_sent() && transfer->out->may_send();
    const bool seals = transfer->out->all_sent() && (!transfer->is_log() || transfer->length);
    if (sends || seals) return now_us;
    if (transfer->is_log()) wake_us = std::min(wake_us, now_us + kLogUs);
  }
  return waiting > 0 && active < kActive ? now_us : wake_us;
}

void Client::say(protocol::Body body) {
  protocol::Message message;
  message.header.pod_uid = identity_.pod_uid;
  message.header.boot_id = identity_.boot_id;
  message.header.seq = ++seq_;
  message.body = std::move(body);
  protocol::encode(message, outgoing_.emplace_back());
}

void Client::finish(Number number, Result<std::string> how) {
  const auto found = transfers_.find(number);
  const TransferPtr over = std::move(found->second);
  transfers_.erase(found);
  if (!how) over->drop_part();
  over->done(std::move(how));
}

}  // namespace scanflow::bulk
