// The sockets that sidecars connect to: a Unix socket, and TCP with CURVE. One thread owns them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "engine/hub/connections.hpp"
#include "engine/hub/peer.hpp"

namespace scanflow::hub {

class Doors {
 public:
  using Odd = std::function<void(const char* what)>;
  using Take = std::function<void(const Peer& peer, std::string_view bytes)>;

  /// The context, whose ZAP handler is there before open_tcp(), outlives them.
  Doors(zmq::context_t& context, Odd odd) : context_(context), odd_(std::move(odd)) {}
  ~Doors();
  Doors(const Doors&) = delete;
  Doors& operator=(const Doors&) = delete;

  // Both throw zmq::error_t where they cannot listen.
  void open_ipc(const std::string& path);
  void open_tcp(const std::string& endpoint, const std::string& secret_key,
                std::int64_t handshake_us);
  /// Where the TCP socket listens, with its port; "" where there is none.
  const std::string& tcp() const { return tcp_; }
  /// Of TCP. [any-thread]
  std::size_t connections() const;

  /// What to wait for: one item for each, in the order that receive() counts them.
  void add_to(std::vector<zmq::pollitem_t>& items);
  std::size_t size() const { return doors_.size(); }
  /// Hands over what has come by this one, for a moment at most.
  void receive(std::size_t door, const Take& take);
  /// Never waits. Empty: it is on its way; else why not.
  std::string send(const Outgoing& message);
  /// Ten times a second: connections that are too much.
  void tick();

 private:
  /// `mark`: what the routing ids that it assigns begin with, since two assign the same ones.
  struct Door {
    zmq::socket_t socket;
    char mark;
    bool curve;
    std::unique_ptr<Connections> connections;  // where it is TCP
  };

  zmq::context_t& context_;
  const Odd odd_;
  std::vector<Door> doors_;
  std::string ipc_, tcp_;
};

}  // namespace scanflow::hub
