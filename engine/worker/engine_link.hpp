// The supervisor's end of the connection to the engine: one engine at a time, a newer one replaces
// an older. While none is there, what must not be lost is kept.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "engine/worker/loop.hpp"
#include "engine/worker/unique_fd.hpp"
#include "sdk/base/result.hpp"
#include "sidecar/protocol/stream.hpp"

namespace scanflow::worker {

class EngineLink {
 public:
  using Receive = std::function<void(protocol::Body&)>;

  /// receive: each message of the engine but Hello. lost: the connection ended.
  /// `fit`: asked when an engine comes; false: this supervisor is of no use any more, and ends.
  EngineLink(Loop& loop, Receive receive, std::function<void()> lost, std::function<bool()> fit);
  ~EngineLink();

  /// Listens on a Unix socket, which replaces one that nobody listens on any more.
  Result<void> listen(const std::string& path);

  bool connected() const { return engine_ != nullptr; }
  /// True once after each new engine's Hello.
  bool take_fresh() { return std::exchange(fresh_, false); }
  /// The engine does not keep up: what may be dropped should be.
  bool backlogged() const;

  enum class Urgency {
    now,   // written before the loop waits again
    soon,  // may wait a few milliseconds for something to travel with
  };
  /// Dropped where no engine is connected.
  void send(protocol::Body body, Urgency urgency = Urgency::now);
  /// Kept (up to a bound) while no engine is there.
  void send_or_keep(protocol::Metric metric);
  /// Sends what was kept, and how much of it had to be dropped.
  void send_kept();
  /// Writes what is due; the loop calls it before it waits.
  void flush();

 private:
  struct Peer {
    UniqueFd fd;
    protocol::Stream stream;
    bool closing = false;  // after a Reject
  };

  void accept();
  void on_ready(int fd, std::uint32_t events);
  void handle(Peer& peer, protocol::Body& body);
  void reject(Peer& peer, const std::string& reason);
  void write(Peer& peer);
  void drop(int fd);

  Loop& loop_;
  Receive receive_;
  std::function<void()> lost_;
  std::function<bool()> fit_;
  std::string path_;
  UniqueFd listener_;
  std::map<int, std::unique_ptr<Peer>> peers_;
  Peer* engine_ = nullptr;  // one of peers_
  bool fresh_ = false;
  bool due_ = false;
  bool lazy_armed_ = false;
  std::deque<protocol::Metric> kept_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace scanflow::worker
