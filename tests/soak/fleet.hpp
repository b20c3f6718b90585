// Many sidecars in one process, on few threads: real sessions and sockets; spool and journal in memory,
// where they outlive each sidecar as its Pod's volume does.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "sidecar/link/dealer.hpp"
#include "tests/support/sidecar_link.hpp"

namespace scanflow::test {

class Fleet {
 public:
  struct Entry {  // a command in a journal
    bool started = false;
    std::int64_t at_us = 0;  // of its start, then of its end
    std::string outcome;
  };
  struct Pod {
    Pod(std::string named) : name(std::move(named)), outbox("spool of " + name) {}
    const std::string name;
    MemoryOutbox outbox;
    std::map<std::string, Entry> journal;
    std::map<std::string, int> executed;
    std::uint64_t logged = 0;  // metrics that went into the outbox
    int boots = 0;
    std::unique_ptr<link::TelemetryRing> ring;
    std::unique_ptr<link::Session> session;
    std::optional<link::Dealer> dealer;
    std::uint64_t value = 0;  // of the last sample of this boot
    std::uint32_t series = 0;
  };

  Fleet(zmq::context_t& context, link::DealerOptions hub, std::size_t first, std::size_t count,
        std::uint32_t seed);
  ~Fleet() { stop(); }
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  /// Whether it works: measures, logs, and is killed now and then. [any-thread]
  void be_rough(bool rough) { rough_ = rough; }
  /// Pods that have nothing to say any more. [any-thread]
  std::size_t settled() const { return settled_; }
  void stop();
  /// After stop().
  const std::vector<std::unique_ptr<Pod>>& pods() const { return pods_; }

 private:
  void run();
  void begin(Pod& pod);
  void live(Pod& pod, bool rough, std::int64_t now_us);
  void take(Pod& pod, const protocol::Command& command);
  static void end(Pod& pod, const std::string& id, Entry& entry, const std::string& outcome);
  bool one_in(std::uint32_t n) { return random_() % n == 0; }

  zmq::context_t& context_;
  const link::DealerOptions hub_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<Pod>> pods_;
  std::atomic<bool> rough_ = true, stop_ = false;
  std::atomic<std::size_t> settled_ = 0;
  std::thread thread_;
};

}  // namespace scanflow::test
