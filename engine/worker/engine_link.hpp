// The supervisor's end of the connection to the engine: one engine at a time, a newer one replaces
// an older.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/worker/loop.hpp"
#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"
#include "sidecar/protocol/stream.hpp"

namespace scanflow::worker {

class EngineLink {
 public:
  using Receive = std::function<void(protocol::Body&)>;

  /// What an engine that comes is answered; nothing: this supervisor is of no use any more, and ends.
  using Greet = std::function<std::optional<protocol::Hello>()>;

  /// receive: each message of the engine but Hello. lost: the connection ended.
  EngineLink(Loop& loop, Receive receive, std::function<void()> lost, Greet greet);
  ~EngineLink();

  /// Listens on a Unix socket, which replaces one that nobody listens on any more.
  Result<void> listen(const std::string& path);

  bool connected() const { return engine_ != nullptr; }
  /// Of the engine that is connected now: another number for each Hello; 0: none.
  std::uint64_t connection() const { return connected() ? connection_ : 0; }
  /// The engine does not keep up: what may be dropped should be.
  bool backlogged() const;

  enum class Urgency {
    now,   // written before the loop waits again
    soon,  // may wait a few milliseconds for something to travel with
  };
  /// Dropped where no engine is connected.
  void send(protocol::Body body, Urgency urgency = Urgency::now);
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
  Greet greet_;
  std::string path_;
  UniqueFd listener_;
  std::map<int, std::unique_ptr<Peer>> peers_;
  Peer* engine_ = nullptr;  // one of peers_
  std::uint64_t connection_ = 0;
  bool due_ = false;
  bool lazy_armed_ = false;
};

}  // namespace scanflow::worker
