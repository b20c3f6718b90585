// Sidecars that mean ill, over real sockets with CURVE: whatever one does, the others' commands are
// answered in time, the hub's memory stays bounded, and it is counted.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <future>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "engine/hub/hub.hpp"
#include "sdk/base/clock.hpp"
#include "sidecar/link/dealer.hpp"
#include "tests/support/seconds.hpp"
#include "tests/unit/hub/attacker.hpp"

namespace scanflow::hub {
namespace {

using namespace std::chrono_literals;
using test::Attacker;
using Line = Attacker::Line;

/// Within which every command of a victim is answered, on a slow and busy machine.
constexpr std::int64_t kDeadlineUs = 3 * kSecond;
constexpr std::size_t kMostMemory = 256u << 20;

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Lives on a thread of its own, and does at once what it is told to.
class Victim {
 public:
  Victim(zmq::context_t& context, const link::DealerOptions& options)
      : dealer_(*link::Dealer::open(context, options)),
        session_({"victim", "boot", {.role = "sidecar"}}, ring_, outbox_, events()),
        thread_([this] { live(); }) {}
  ~Victim() {
    stop_ = true;
    thread_.join();
  }

 private:
  link::SessionEvents events() {
    link::SessionEvents all;
    all.command = [this](const protocol::Command& command) {
      if (done_.insert(command.id).second)
        outbox_.add(protocol::Outcome{.id = command.id, .outcome = "DONE"});
      session_.received(command.id);
    };
    return all;
  }
  void live() {
    while (!stop_) {
      zmq::pollitem_t item{dealer_.socket().handle(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, 5ms);
      dealer_.exchange(session_, monotonic_us());
    }
  }

  link::TelemetryRing ring_{10, 10};
  test::MemoryOutbox outbox_{"spool"};
  std::set<std::string> done_;
  link::Dealer dealer_;
  link::Session session_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class HostileTest : public testing::Test {
 protected:
  void start() {
    HubOptions options;
    options.boot_id = "hub";
    options.term = 1;
    options.limits.odd_us = kSecond / 10;
    options.network.tcp = "tcp://127.0.0.1:*";
    options.network.secret_key = hub_keys_.secret;
    options.network.user_of = [this](const std::string& key) -> std::string {
      if (key == victim_.open) return "victim";
      return key == attacker_.open ? "attacker" : "";
    };
    HubEvents events;
    events.attached = [this](const SidecarKey& key, const auto&) { attached_.insert(key); };
    events.series = [](const auto&, const auto&) { return 1; };
    events.delivery = [this](const SidecarKey& key, std::uint64_t number,
                             const protocol::Message& message) {
      const auto* outcome = std::get_if<protocol::Outcome>(&message.body);
      const std::lock_guard lock(mutex_);
      ++deliveries_[key.user];
      if (outcome != nullptr) outcomes_.insert(outcome->id);
      changed_.notify_all();
      if (key.user == "victim")  // the attacker's are never committed
        hub_->post(
            [key, number](Core& core, std::int64_t now) { core.delivered(key, number, now); });
    };
    events.odd = [this](const std::string& what, std::uint64_t times) {
      const std::lock_guard lock(mutex_);
      odd_[what] += times;
      changed_.notify_all();
    };
    auto started = Hub::start(std::move(options), std::move(events));
    ASSERT_TRUE(started) << started.error().message;
    hub_ = std::move(*started);
  }
  Attacker::Way way(const test::Keys& keys) const {
    return {hub_->tcp(), hub_keys_.open, keys.open, keys.secret};
  }
  link::DealerOptions dealer(const test::Keys& keys) const {
    return {hub_->tcp(), hub_keys_.open, keys.open, keys.secret};
  }
  /// How long the victim takes to do a command.
  std::int64_t round_trip() {
    const std::string id = fmt::format("c{}", ++trips_);
    const std::int64_t from_us = monotonic_us();
    hub_->post([id](Core& core, std::int64_t now) {
      EXPECT_TRUE(core.command({"victim", "victim"}, {.id = id, .deadline_us = 60 * kSecond}, now));
    });
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 20s, [&] { return outcomes_.contains(id); });
    return monotonic_us() - from_us;
  }
  bool odd(const std::string& what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [&] { return odd_.contains(what); });
  }
  template <typename Ask>
  auto ask(Ask question) {
    std::promise<decltype(question(std::declval<Core&>()))> answer;
    hub_->post([&](Core& core, std::int64_t) { answer.set_value(question(core)); });
    return answer.get_future().get();
  }

  /// The attack goes on while the victim is told commands, for so long as is worth anything.
  void survives(const std::function<void(zmq::context_t&, const Attacker::Way&)>& attack,
                const std::string& what, const test::Keys* with = nullptr) {
    const Attacker attacker(attack);
    zmq::context_t context;
    start();
    const Victim victim(context, dealer(victim_));
    EXPECT_LT(round_trip(), kDeadlineUs);
    const std::size_t before = resident_bytes();
    Attacker::Way chosen = way(with == nullptr ? attacker_ : *with);
    attacker.begin(chosen);
    EXPECT_TRUE(odd(what)) << "it was not noticed";
    std::size_t most = before;
    std::int64_t worst = 0;
    const std::int64_t end_us = monotonic_us() + kSecond;
    for (int i = 0; i < 30 || monotonic_us() < end_us; ++i) {
      worst = std::max(worst, round_trip());
      most = std::max(most, resident_bytes());
      if (worst > kDeadlineUs) break;
    }
    EXPECT_LT(worst, kDeadlineUs) << "the victim was kept waiting";
    EXPECT_LT(most - before, kMostMemory);
    RecordProperty("worst_us", static_cast<int>(worst));
    RecordProperty("memory_kib", static_cast<int>((most - before) >> 10));
    EXPECT_EQ(ask([](Core& core) { return core.account({"victim", "victim"}) != nullptr; }), true);
    EXPECT_LE(ask([](Core& core) { return core.known(); }), 2 * limits_.sessions);
    const std::lock_guard lock(mutex_);
    EXPECT_LE(deliveries_["attacker"], limits_.window) << "more than the window";
  }

  const HubLimits limits_{};
  const test::Keys hub_keys_, victim_, attacker_, unknown_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> outcomes_;
  std::map<std::string, std::uint64_t> odd_, deliveries_;
  std::set<SidecarKey> attached_;  // the hub's thread
  int trips_ = 0;
  std::unique_ptr<Hub> hub_;
};

TEST_F(HostileTest, AFloodOfMessages) {
  survives(
      [](auto& context, const auto& way) {
        Line line = way.line(context, "flood");
        line.greet();
        const std::string bytes = line.next(protocol::Heartbeat{});
        for (;; line.drain())
          for (int i = 0; i < 100; ++i) line.send(bytes);
      },
      "messages over the rate of one sidecar, not read");
}

TEST_F(HostileTest, AFloodWithoutASession) {
  survives(
      [](auto& context, const auto& way) {
        Line line = way.line(context, "flood");
        for (;; line.drain()) line.say(protocol::Heartbeat{});
      },
      "messages over the rate of one sidecar, not read");
}

TEST_F(HostileTest, TelemetryWithoutCredit) {
  survives(
      [](auto& context, const auto& way) {
        Line line = way.line(context, "flood");
        line.greet();
        protocol::Telemetry batch;
        batch.series = {{1, "m", "gauge", {}}};
        for (batch.first = 1;; batch.first += 1000, line.drain()) {
          batch.numbers.assign(1000, 1);
          batch.times.assign(1000, 0);
          batch.values.assign(1000, 1.5);
          batch.produced = batch.first + 999;
          line.say(batch);
        }
      },
      "telemetry without credit");
}

TEST_F(HostileTest, DeliveriesOverTheWindow) {
  survives(
      [](auto& context, const auto& way) {
        Line line = way.line(context, "flood");
        line.greet();
        const std::string inner =
            test::encoded({}, protocol::Outcome{.id = "x", .evidence = std::string(100'000, 'x')});
        for (std::uint64_t number = 1;; ++number, line.drain())
          line.say(protocol::Deliver{"s", number, {inner}});
      },
      "deliveries over the window");
}

TEST_F(HostileTest, StormsOfHellosForEverNewPodsAndBoots) {
  survives(
      [](auto& context, const auto& way) {
        Line line = way.line(context, "");
        for (std::uint64_t i = 0;; ++i, line.drain()) {
          line.pod = fmt::format("pod-{}", i / 2);
          line.send(line.next(protocol::Hello{.role = "sidecar"}, fmt::format("boot-{}", i)));
        }
      },
      "Hellos over the rate of one sidecar or user");
}

TEST_F(HostileTest, FramesOverTheLimit) {
  survives(
      [](auto& context, const auto& way) {
        Line line = way.line(context, "big");
        for (;;) {
          line.greet();
          line.send(std::string(protocol::kMaxMessageBytes - 1000, '\x90'));
          line.send(std::string(protocol::kMaxMessageBytes + 1000, 'x'));
          std::this_thread::sleep_for(50ms);  // the attacker's own pace
        }
      },
      "malformed messages");
}

TEST_F(HostileTest, MessagesOfManyFrames) {
  survives(
      [](auto& context, const auto& way) {
        Line line = way.line(context, "frames");
        for (int i = 0;; i = (i + 1) % 1000)
          line.socket.send(zmq::str_buffer("frame"),
                           i < 999 ? zmq::send_flags::sndmore : zmq::send_flags::none);
      },
      "messages of several frames");
}

/// libzmq keeps the frames of a message until the last one has come, whatever they come to.
TEST_F(HostileTest, AMessageThatDoesNotEnd) {
  survives(
      [](auto& context, const auto& way) {
        Line line = way.line(context, "endless");
        const std::string frame(1 << 20, 'x');
        for (int i = 0; i < 400; ++i)
          line.socket.send(zmq::buffer(frame), zmq::send_flags::sndmore);
        line.greet();
        std::this_thread::sleep_for(5s);  // the attacker's own pace
      },
      "connections that sent more than can be read: shut down");
}

TEST_F(HostileTest, KeysThatAreNotKnown) {
  survives(
      [](auto& context, const auto& way) {
        std::vector<Line> lines;
        for (int i = 0; i < 20; ++i) {
          lines.push_back(way.line(context, "stranger"));
          lines.back().greet();
        }
        std::this_thread::sleep_for(20ms);  // the attacker's own pace
      },
      "connections with a key that is not known, or over the limit of connections", &unknown_);
  EXPECT_EQ(ask([](Core& core) { return core.attached(); }), 1u);
}

TEST_F(HostileTest, NoKeysAtAll) {
  survives(
      [](auto& context, const auto& given) {
        Attacker::Way way = given;
        way.hub_key.clear();
        std::vector<Line> lines;
        for (int i = 0; i < 20; ++i) {
          lines.push_back(way.line(context, "naked"));
          lines.back().socket.set(zmq::sockopt::immediate, true);
        }
        std::this_thread::sleep_for(20ms);  // the attacker's own pace
      },
      "connections that did not become one: no key, another hub's key, or not ZeroMQ");
  EXPECT_EQ(ask([](Core& core) { return core.attached(); }), 1u);
}

}  // namespace
}  // namespace scanflow::hub
