// One connection of an HTTP client. Belongs to the HTTP thread. Private to engine/http.
#pragma once

#include <atomic>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "engine/http/message.hpp"
#include "engine/http/server.hpp"

namespace scanflow::http {

/// What all connections of a server share.
struct Serving {
  Handler handler;
  Admit admit;
  Options options;
  bool local = false;                // it listens on a Unix socket: whoever may open that, may ask
  std::atomic<bool> last = false;    // Server::answer_last
  std::size_t held_bytes = 0;        // of bodies, in memory, of all connections
  boost::asio::thread_pool disk{2};  // reads and writes bodies in files
};

class Session {
 public:
  virtual ~Session() = default;
  /// `serving` outlives it.
  static std::shared_ptr<Session> make(boost::asio::generic::stream_protocol::socket socket,
                                       Serving& serving);
  virtual void start() = 0;
  /// Says that there are too many connections, and closes.
  virtual void turn_away() = 0;
  virtual void close() = 0;
  /// Since when its client has had nothing answered: it shakes hands, or its next request has not
  /// come. None: a request is being read, or answered.
  virtual std::optional<std::chrono::steady_clock::time_point> idle_since() const = 0;
  /// Takes no more requests; one that waits for its next is closed.
  virtual void hear_no_more() = 0;
};

}  // namespace scanflow::http
