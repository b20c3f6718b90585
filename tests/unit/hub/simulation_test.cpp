// Sidecars and a hub that are killed, and connections that lose, delay and break, on a clock moved by
// hand: what is promised holds whatever happens.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>

#include "engine/hub/core.hpp"
#include "sidecar/link/session.hpp"
#include "tests/support/sidecar_link.hpp"

namespace scanflow::hub {
namespace {

constexpr std::int64_t kStepUs = 100'000;

class World {
 public:
  World(std::uint32_t seed, std::size_t pods) : random_(seed) {
    for (std::size_t i = 0; i < pods; ++i) {
      pods_.push_back(std::make_unique<Pod>(fmt::format("pod-{}", i)));
      begin_sidecar(*pods_.back());
    }
    begin_hub();
  }

  /// `rough`: processes are killed, connections break and lose.
  void step(bool rough) {
    now_us_ += kStepUs;
    if (rough && one_in(200)) begin_hub();
    for (auto& pod : pods_) {
      if (rough && one_in(300)) begin_sidecar(*pod);
      if (rough && one_in(150)) break_connection(*pod);
      if (rough) produce(*pod);
      if (rough && one_in(25)) order(*pod);
      work(*pod);
      transport(*pod, rough);
    }
    commit_some();
    core_->tick(now_us_);
    route();
  }

  void expect_all_is_well() {
    for (const auto& pod : pods_) {
      SCOPED_TRACE(pod->name);
      EXPECT_EQ(pod->outbox.first(), pod->outbox.end()) << "something was never delivered";
      EXPECT_EQ(stored_[pod->name].last + 1, pod->outbox.end());
      EXPECT_EQ(stored_[pod->name].metrics, pod->logged);
      for (const auto& [id, times] : pod->executed) EXPECT_EQ(times, 1) << id;
      const link::TelemetryRing& ring = *pod->sidecar->ring;
      const TelemetryAccount* account = core_->account({"user", pod->name});
      ASSERT_NE(account, nullptr);
      EXPECT_EQ(account->produced(),
                account->received() + account->dropped() + account->lost() + account->pending());
      EXPECT_EQ(account->pending(), 0u);
      EXPECT_EQ(ring.waiting(), 0u);
      EXPECT_EQ(account->received(), came_[pod->name].size()) << "told twice, or not told";
      // What came and what is lost is all that was sent while this hub was there.
      EXPECT_EQ(account->produced(), ring.account().produced - before_[pod->name]);
    }
    for (const auto& [id, command] : commands_) {
      ASSERT_EQ(command.outcomes.size(), 1u) << id << " of " << command.pod;
      const int times = pod_of(command.pod).executed[id];
      const std::string& outcome = *command.outcomes.begin();
      EXPECT_EQ(times, outcome == "DONE" || outcome == "INDETERMINATE" ? 1 : 0) << id << outcome;
      ++outcomes[outcome];
    }
  }

  std::map<std::string, int> outcomes;

 private:
  /// A command in the journal of a Pod's volume.
  struct Entry {
    protocol::Command command;
    bool started = false;
    std::int64_t at_us = 0;  // of its start, then of its end
    std::string outcome;
  };
  struct Sidecar {
    std::unique_ptr<link::TelemetryRing> ring;
    std::unique_ptr<link::Session> session;
    std::uint64_t value = 0;
  };
  struct Sent {
    std::int64_t at_us;
    std::string bytes;
  };
  struct Pod {
    explicit Pod(const std::string& named) : name(named), outbox("spool of " + named) {}
    const std::string name;
    test::MemoryOutbox outbox;             // of its volume
    std::map<std::string, Entry> journal;  // the same
    std::map<std::string, int> executed;
    std::uint64_t logged = 0;
    std::optional<Sidecar> sidecar;
    int boots = 0;
    std::string routing;
    int connections = 0;
    std::deque<Sent> up, down;
  };
  struct Command {
    std::string pod;
    protocol::Command command;
    std::int64_t deadline_us = 0;
    std::multiset<std::string> outcomes;
  };
  struct Stored {
    std::uint64_t last = 0, metrics = 0;
  };
  struct Uncommitted {
    SidecarKey from;
    std::uint64_t number;
    protocol::Message message;
    std::int64_t at_us;
  };

  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
  }
  bool one_in(std::int64_t n) { return below(n) == 0; }
  Pod& pod_of(const std::string& name) {
    return **std::find_if(pods_.begin(), pods_.end(), [&](auto& pod) { return pod->name == name; });
  }

  void begin_sidecar(Pod& pod) {
    pod.sidecar.reset();
    Sidecar& sidecar = pod.sidecar.emplace();
    sidecar.ring = std::make_unique<link::TelemetryRing>(200, 10);
    link::SessionEvents events;
    events.command = [this, &pod](const protocol::Command& command) { take(pod, command); };
    sidecar.session = std::make_unique<link::Session>(
        link::Session::Identity{
            pod.name, fmt::format("{}-boot-{}", pod.name, ++pod.boots), {.role = "sidecar"}},
        *sidecar.ring, pod.outbox, events);
    for (auto& [id, entry] : pod.journal) {
      if (entry.outcome.empty() && entry.started) end(pod, entry, "INDETERMINATE");
    }
    came_[pod.name].clear();
    before_[pod.name] = 0;
    break_connection(pod);
  }

  void begin_hub() {
    uncommitted_.clear();
    HubEvents events;
    events.attached = [this](const SidecarKey& key, const protocol::Hello& hello) {
      const TelemetryAccount& account = *core_->account(key);
      if (account.received() + account.lost() + account.dropped() == 0)
        before_[key.pod_uid] = hello.telemetry.sent + hello.telemetry.dropped;
    };
    events.series = [this](const SidecarKey& key, const protocol::Series&) {
      names_.push_back(key.pod_uid);
      return names_.size();
    };
    events.samples = [this](std::span<const Sample> samples) {
      for (const Sample& sample : samples) {
        const bool is_new = came_[names_.at(sample.series - 1)]
                                .insert(static_cast<std::uint64_t>(sample.value))
                                .second;
        EXPECT_TRUE(is_new) << "a sample came twice";
      }
    };
    events.delivery = [this](const SidecarKey& key, std::uint64_t number,
                             protocol::Message message) {
      uncommitted_.push_back({key, number, std::move(message), now_us_ + below(3) * kStepUs});
    };
    events.expired = [this](const SidecarKey&, const std::string& id) {
      commands_.at(id).outcomes.insert("EXPIRED");
    };
    ++term_;
    core_ =
        std::make_unique<Core>(fmt::format("hub-{}", term_), term_, limits(), std::move(events));
    for (auto& pod : pods_) {
      came_[pod->name].clear();
      break_connection(*pod);
    }
    for (const auto& [id, command] : commands_) {
      if (!command.outcomes.empty()) continue;
      protocol::Command again = command.command;
      again.deadline_us = command.deadline_us - now_us_;
      (void)core_->command({"user", command.pod}, again, now_us_, true);
    }
  }

  static HubLimits limits() {
    HubLimits chosen;
    chosen.credit = 30;
    chosen.window = 5;
    return chosen;
  }

  void break_connection(Pod& pod) {
    pod.up.clear();
    pod.down.clear();
    pod.routing = fmt::format("{} {}", pod.name, ++pod.connections);
  }

  void produce(Pod& pod) {
    Sidecar& sidecar = *pod.sidecar;
    const std::uint32_t series = sidecar.ring->series("m", "gauge", {});
    for (std::int64_t i = below(6); i > 0; --i)
      sidecar.ring->add(series, now_us_, static_cast<double>(++sidecar.value));
    if (!one_in(5)) return;
    ++pod.logged;
    pod.outbox.add(protocol::Metric{.name = "loss"});
  }

  void order(Pod& pod) {
    protocol::Command command;
    command.id = fmt::format("c{}", commands_.size());
    command.deadline_us = (1 + below(50)) * 200'000;
    commands_[command.id] = {pod.name, command, now_us_ + command.deadline_us, {}};
    ASSERT_TRUE(core_->command({"user", pod.name}, command, now_us_));
  }

  void take(Pod& pod, const protocol::Command& command) {
    if (!pod.journal.contains(command.id)) {
      Entry& entry = pod.journal[command.id];
      entry = {command, false, now_us_ + below(5) * kStepUs, ""};
      if (command.deadline_us <= 0) end(pod, entry, "EXPIRED");
    }
    pod.sidecar->session->received(command.id);
  }

  void work(Pod& pod) {
    for (auto& [id, entry] : pod.journal) {
      if (!entry.outcome.empty() || now_us_ < entry.at_us) continue;
      if (entry.started) {
        end(pod, entry, "DONE");
      } else {
        entry.started = true;
        entry.at_us = now_us_ + below(10) * kStepUs;
        ++pod.executed[id];
      }
    }
  }

  static void end(Pod& pod, Entry& entry, const std::string& outcome) {
    entry.outcome = outcome;
    pod.outbox.add(protocol::Outcome{.id = entry.command.id, .outcome = outcome});
  }

  void transport(Pod& pod, bool rough) {
    const auto send = [&](std::deque<Sent>& queue, std::string bytes) {
      if (rough && one_in(50)) return;  // lost
      const std::int64_t earliest = queue.empty() ? 0 : queue.back().at_us;
      queue.push_back({std::max(earliest, now_us_ + below(4) * kStepUs), std::move(bytes)});
    };
    for (std::string& bytes : pod.sidecar->session->poll(now_us_)) send(pod.up, std::move(bytes));
    for (; !pod.up.empty() && pod.up.front().at_us <= now_us_; pod.up.pop_front())
      core_->receive({pod.routing, "user"}, pod.up.front().bytes, now_us_);
    for (std::string& bytes : waiting_[pod.routing]) send(pod.down, std::move(bytes));
    waiting_.erase(pod.routing);
    while (!pod.down.empty() && pod.down.front().at_us <= now_us_) {
      const std::string bytes = std::move(pod.down.front().bytes);
      pod.down.pop_front();
      EXPECT_TRUE(pod.sidecar->session->receive(bytes, now_us_));
    }
  }

  void route() {
    for (Outgoing& each : core_->take_outgoing())
      waiting_[each.routing_id].push_back(std::move(each.bytes));
  }

  void commit_some() {
    while (!uncommitted_.empty() && uncommitted_.front().at_us <= now_us_) {
      const Uncommitted each = std::move(uncommitted_.front());
      uncommitted_.pop_front();
      Stored& stored = stored_[each.from.pod_uid];
      if (each.number > stored.last) {  // else it was stored before the hub was killed
        EXPECT_EQ(each.number, stored.last + 1) << "one is missing";
        stored.last = each.number;
        if (std::holds_alternative<protocol::Metric>(each.message.body)) ++stored.metrics;
        if (const auto* outcome = std::get_if<protocol::Outcome>(&each.message.body))
          commands_.at(outcome->id).outcomes.insert(outcome->outcome);
      }
      core_->delivered(each.from, each.number, now_us_);
    }
  }

  std::mt19937 random_;
  std::int64_t now_us_ = 0;
  std::vector<std::unique_ptr<Pod>> pods_;
  std::unique_ptr<Core> core_;
  std::uint64_t term_ = 0;
  std::map<std::string, Command> commands_;  // the store's
  std::map<std::string, Stored> stored_;     // the same
  std::deque<Uncommitted> uncommitted_;
  std::map<std::string, std::vector<std::string>> waiting_;  // to be sent, by connection
  std::vector<std::string> names_;                           // series - 1 -> Pod
  std::map<std::string, std::set<std::uint64_t>> came_;      // samples of this boot, to this hub
  std::map<std::string, std::uint64_t> before_;              // samples that another hub was sent
};

TEST(Simulation, WhatIsPromisedHoldsWhateverHappens) {
  std::map<std::string, int> outcomes;
  for (std::uint32_t seed = 1; seed <= 40 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    World world(seed, 4);
    for (int i = 0; i < 1500; ++i) world.step(true);
    for (int i = 0; i < 600; ++i) world.step(false);
    world.expect_all_is_well();
    for (const auto& [outcome, times] : world.outcomes) outcomes[outcome] += times;
  }
  for (const char* each : {"DONE", "EXPIRED", "INDETERMINATE"})
    EXPECT_GT(outcomes[each], 10) << "the world was not rough enough to see " << each;
}

}  // namespace
}  // namespace scanflow::hub
