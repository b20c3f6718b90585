// The sidecar's socket to the hub: carries the bytes of a Session, or of a bulk::Client. [one thread]
#pragma once

#include <string>
#include <zmq.hpp>

#include "sdk/base/result.hpp"

namespace scanflow::link {

struct DealerOptions {
  std::string endpoint;  // ipc:// (a Unix socket), or tcp:// with the three keys (Z85)
  std::string hub_key;   // the hub's public key
  std::string public_key, secret_key;
};

class Dealer {
 public:
  /// Connects in the background, and again whenever the connection breaks.
  static Result<Dealer> open(zmq::context_t& context, const DealerOptions& options);

  /// Hands it what has come, and sends what it has to say; never waits. What does not fit is lost: the
  /// hub notices the gap, and the session begins anew.
  template <class Conversation>
  void exchange(Conversation& conversation, std::int64_t now_us) {
    // What is sent may take the sign that something has come.
    do {
      for (zmq::message_t message; socket_.recv(message, zmq::recv_flags::dontwait);)
        (void)conversation.receive(message.to_string_view(), now_us);
      for (const std::string& bytes : conversation.poll(now_us))
        (void)socket_.send(zmq::buffer(bytes), zmq::send_flags::dontwait);
    } while ((socket_.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0);
  }
  /// For zmq_poll: exchange() is due when it can be read.
  zmq::socket_ref socket() { return socket_; }
  /// For other loops: it becomes readable when exchange() may be due; exchange() before each wait is
  /// enough, since it leaves nothing to be read.
  int fd() const { return socket_.get(zmq::sockopt::fd); }

 private:
  explicit Dealer(zmq::socket_t socket) : socket_(std::move(socket)) {}
  zmq::socket_t socket_;
};

}  // namespace scanflow::link
