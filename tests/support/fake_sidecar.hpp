// A sidecar as far as a hub can tell: the real session and socket on a thread of its own, and nothing
// behind them. It answers commands as it is told to.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sdk/base/clock.hpp"
#include "sidecar/link/dealer.hpp"
#include "tests/support/sidecar_link.hpp"

namespace scanflow::test {

class FakeSidecar {
 public:
  /// Nothing: it has received the command, and says nothing of it yet.
  using Answer = std::function<std::optional<protocol::Outcome>(const protocol::Command&)>;

  /// `outbox` is its spool; it outlives it.
  FakeSidecar(const std::string& endpoint, MemoryOutbox& outbox, const std::string& boot = "boot-1")
      : outbox_(outbox),
        dealer_(*link::Dealer::open(context_, {.endpoint = endpoint})),
        session_({"local", boot, {.role = "sidecar", .name = "test"}}, ring_, outbox, events()),
        thread_([this](const std::stop_token& stop) { live(stop); }) {}

  void answer(Answer answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  /// It can act on this attempt, which offers that; said in each session.
  void announce(const protocol::Started& started, const std::string& offers = "[]") {
    const std::lock_guard lock(mutex_);
    announced_.push_back({started, offers});
    tell(announced_.back());
  }
  void say(const protocol::Outcome& outcome) {
    const std::lock_guard lock(mutex_);
    outbox_.add(outcome);
  }
  void sample(const std::string& name, const std::string& kind,
              const link::TelemetryRing::Labels& labels, double value) {
    const std::lock_guard lock(mutex_);
    ring_.add(ring_.series(name, kind, labels), wall_us(), value);
  }
  /// All that were told, each once.
  std::vector<protocol::Command> commands() {
    const std::lock_guard lock(mutex_);
    return commands_;
  }
  bool open() {
    const std::lock_guard lock(mutex_);
    return session_.open();
  }
  /// Nothing that it delivers waits for a commit.
  bool delivered_all() {
    const std::lock_guard lock(mutex_);
    return outbox_.first() == outbox_.end();
  }

  static protocol::Outcome outcome(const protocol::Command& command, const std::string& what) {
    return {.id = command.id,
            .target = command.target,
            .primitive = command.primitive,
            .outcome = what,
            .message = "as the test says",
            .started_us = wall_us(),
            .ended_us = wall_us()};
  }

 private:
  struct Announced {
    protocol::Started started;
    std::string offers;
  };

  link::SessionEvents events() {
    link::SessionEvents all;
    all.begun = [this](const protocol::Welcome&) {
      for (const Announced& each : announced_) tell(each);
    };
    all.command = [this](const protocol::Command& command) {
      if (known_.insert(command.id).second) {
        commands_.push_back(command);
        if (auto outcome = answer_(command)) outbox_.add(std::move(*outcome));
      }
      session_.received(command.id);
    };
    return all;
  }
  void tell(const Announced& each) {
    session_.tell(each.started);
    session_.tell(protocol::Offers{each.started.id, each.offers});
  }
  void live(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      zmq::pollitem_t item{dealer_.socket().handle(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, std::chrono::milliseconds(5));
      const std::lock_guard lock(mutex_);
      dealer_.exchange(session_, monotonic_us());
    }
  }

  zmq::context_t context_;
  std::mutex mutex_;
  MemoryOutbox& outbox_;
  link::TelemetryRing ring_{1000, 100};
  Answer answer_ = [](const protocol::Command& command) { return outcome(command, "DONE"); };
  std::vector<Announced> announced_;
  std::set<std::string> known_;
  std::vector<protocol::Command> commands_;
  link::Dealer dealer_;
  link::Session session_;
  std::jthread thread_;
};

}  // namespace scanflow::test
