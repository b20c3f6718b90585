// A bad network between sidecars and hub: a TCP proxy that delays, cuts, swallows, and lets connections
// through in another order than they came.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>

namespace scanflow::test {

class Proxy {
 public:
  explicit Proxy(std::uint32_t seed);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  int port() const { return port_; }
  /// Where to from now on: a port of this machine; 0: nowhere, connections are refused. [any-thread]
  void lead_to(int port) { target_ = port; }
  /// Whether it does harm. [any-thread]
  void be_rough(bool rough) { rough_ = rough; }
  std::uint64_t cuts() const { return cuts_; }

 private:
  struct Chunk {
    std::int64_t due_us;
    std::string bytes;
  };
  /// One direction; what was read waits until it is due.
  struct Half {
    int from = -1, to = -1;
    std::deque<Chunk> chunks;
    std::int64_t last_due_us = 0;
    bool ended = false;  // nothing more comes
  };
  struct Link {
    Half up, down;
    std::int64_t connect_us = 0;  // when it is led on; 0: it is
    std::int64_t deaf_us = 0;     // swallows all until then, and is cut; 0: it is not deaf
    std::int64_t delay_us = 0;
  };

  void run();
  void accept_all(std::int64_t now_us);
  bool connect(Link& link);
  bool serve(Link& link, std::int64_t now_us);
  bool pump(Half& half, const Link& link, std::int64_t now_us);
  void close(Link& link);
  bool one_in(std::uint32_t n) { return random_() % n == 0; }

  std::mt19937 random_;
  int listener_ = -1, port_ = 0;
  std::atomic<int> target_ = 0;
  std::atomic<bool> rough_ = false, stop_ = false;
  std::atomic<std::uint64_t> cuts_ = 0;
  std::deque<std::unique_ptr<Link>> links_;
  std::thread thread_;
};

}  // namespace scanflow::test
