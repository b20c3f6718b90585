#include "tests/soak/owner.hpp"

#include <fmt/format.h>

#include <future>
#include <stdexcept>
#include <thread>
#include <utility>
#include <variant>

#include "sdk/base/clock.hpp"

namespace scanflow::test {

int Owner::begin_hub() {
  hub_.reset();
  hub::HubOptions options;
  std::vector<std::pair<hub::SidecarKey, protocol::Command>> again;
  {
    const std::lock_guard lock(mutex_);
    uncommitted_.clear();  // they died with it
    by_number_.clear();
    for (auto& [boot, samples] : samples_) samples.here = 0;
    options.term = ++term_;
    for (const auto& [id, command] : commands_) {
      if (command.outcomes.empty())
        again.push_back({{"user", command.pod},
                         {.id = id, .deadline_us = command.deadline_us - monotonic_us()}});
    }
  }
  options.boot_id = fmt::format("hub-{}", options.term);
  options.limits.heartbeat_us = 500'000;
  options.limits.lease_us = 3'000'000;
  options.limits.credit = 100;
  options.limits.odd_us = 1'000'000;
  options.limits.window = 8;
  options.network.tcp = "tcp://127.0.0.1:*";
  options.network.secret_key = secret_;
  options.network.user_of = [key = user_key_](const std::string& shown) {
    return shown == key ? "user" : "";
  };
  auto started = hub::Hub::start(std::move(options), events());
  if (!started) throw std::runtime_error(started.error().message);
  hub_ = std::move(*started);
  hub_->post([again = std::move(again)](hub::Core& core, std::int64_t now_us) {
    for (const auto& [to, command] : again) (void)core.command(to, command, now_us, true);
  });
  return std::stoi(hub_->tcp().substr(hub_->tcp().rfind(':') + 1));
}

hub::HubEvents Owner::events() {
  hub::HubEvents all;
  all.series = [this](const hub::SidecarKey&, const protocol::Series& series) {
    const std::lock_guard lock(mutex_);
    by_number_.push_back(&samples_[series.labels.at("boot")]);
    return by_number_.size();
  };
  all.samples = [this](std::span<const hub::Sample> taken) {
    const std::lock_guard lock(mutex_);
    for (const hub::Sample& sample : taken) {
      Samples& samples = *by_number_.at(sample.series - 1);
      if (sample.value <= samples.last)
        broken_.emplace_back("a sample came twice, or out of order");
      samples.last = sample.value;
      ++samples.here;
    }
  };
  all.delivery = [this](const hub::SidecarKey& key, std::uint64_t number,
                        protocol::Message message) {
    const std::lock_guard lock(mutex_);
    const auto wait_us = static_cast<std::int64_t>(random_() % 200'000);
    uncommitted_.push_back({key, number, std::move(message), monotonic_us() + wait_us});
  };
  all.odd = [this](const std::string& what, std::uint64_t times) {
    const std::lock_guard lock(mutex_);
    odd_[what] += times;
  };
  all.expired = [this](const hub::SidecarKey&, const std::string& id) {
    const std::lock_guard lock(mutex_);
    commands_.at(id).outcomes.insert("EXPIRED");
  };
  return all;
}

void Owner::stall_hub(std::int64_t us) {
  hub_->post([us](hub::Core&, std::int64_t) {
    std::this_thread::sleep_for(std::chrono::microseconds(us));
  });
}

void Owner::order(const std::string& pod, std::int64_t deadline_us) {
  std::string id;
  {
    const std::lock_guard lock(mutex_);
    id = fmt::format("c{}", commands_.size() + 1);
    commands_[id] = {pod, monotonic_us() + deadline_us, {}};
  }
  hub_->post([=](hub::Core& core, std::int64_t now_us) {
    (void)core.command({"user", pod}, {.id = id, .deadline_us = deadline_us}, now_us);
  });
}

void Owner::commit(bool all) {
  const std::lock_guard lock(mutex_);
  while (!uncommitted_.empty() && (all || uncommitted_.front().at_us <= monotonic_us())) {
    store(uncommitted_.front());
    hub_->post([from = uncommitted_.front().from, number = uncommitted_.front().number](
                   hub::Core& core, std::int64_t now_us) { core.delivered(from, number, now_us); });
    uncommitted_.pop_front();
  }
}

void Owner::store(const Uncommitted& each) {
  Stored& stored = stored_[each.from.pod_uid];
  if (each.number <= stored.last) return;  // it was, before a hub was killed
  if (each.number != stored.last + 1)
    broken_.push_back(
        fmt::format("{}: a delivery is missing before {}", each.from.pod_uid, each.number));
  stored.last = each.number;
  if (std::holds_alternative<protocol::Metric>(each.message.body)) ++stored.metrics;
  if (const auto* outcome = std::get_if<protocol::Outcome>(&each.message.body))
    commands_.at(outcome->id).outcomes.insert(outcome->outcome);
}

bool Owner::all_commands_ended() {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, command] : commands_)
    if (command.outcomes.empty()) return false;
  return uncommitted_.empty();
}

std::string Owner::odd() {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const auto& [what, times] : odd_) all += fmt::format("{} {}; ", times, what);
  return all;
}

std::optional<hub::TelemetryAccount> Owner::account(const std::string& pod) {
  std::promise<std::optional<hub::TelemetryAccount>> answer;
  hub_->post([&](hub::Core& core, std::int64_t) {
    const hub::TelemetryAccount* found = core.account({"user", pod});
    answer.set_value(found == nullptr ? std::nullopt : std::optional(*found));
  });
  return answer.get_future().get();
}

}  // namespace scanflow::test
