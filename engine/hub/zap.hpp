// Who may speak with the hub: the ZeroMQ Authentication Protocol (RFC 27) for its CURVE socket. Without
// a handler libzmq lets any key in.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <zmq.hpp>

namespace scanflow::hub {

/// Serves inproc://zeromq.zap.01 of a context, on a thread of its own, until the context is shut down.
/// It must be there before a socket is bound.
class ZapHandler {
 public:
  /// user_of: the user whose public key this is (Z85, 40 characters), or "": it is refused, and may
  /// come again. [its thread]
  using UserOf = std::function<std::string(const std::string& public_key)>;

  ZapHandler(zmq::context_t& context, UserOf user_of);
  ~ZapHandler() { thread_.join(); }
  ZapHandler(const ZapHandler&) = delete;
  ZapHandler& operator=(const ZapHandler&) = delete;

 private:
  void serve(zmq::socket_t socket) const;

  const UserOf user_of_;
  std::thread thread_;
};

}  // namespace scanflow::hub
