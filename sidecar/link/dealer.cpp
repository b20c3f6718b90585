#include "sidecar/link/dealer.hpp"

#include <fmt/format.h>

#include <random>
#include <utility>

namespace scanflow::link {
namespace {

// Between two attempts to connect: not the same for all, so that a hub that comes back is not stormed.
constexpr int kLeastReconnectMs = 100, kMostReconnectMs = 1000, kLastReconnectMs = 15'000;
constexpr int kWaiting = 1000;  // messages that wait for the connection
constexpr int kLingerMs = 500;  // for the last ones when it ends

}  // namespace

Result<Dealer> Dealer::open(zmq::context_t& context, const DealerOptions& options) {
  try {
    zmq::socket_t socket(context, zmq::socket_type::dealer);
    std::random_device random;
    socket.set(zmq::sockopt::reconnect_ivl,
               std::uniform_int_distribution(kLeastReconnectMs, kMostReconnectMs)(random));
    socket.set(zmq::sockopt::reconnect_ivl_max, kLastReconnectMs);
    socket.set(zmq::sockopt::sndhwm, kWaiting);
    socket.set(zmq::sockopt::linger, kLingerMs);
    socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(protocol::kMaxMessageBytes));
    if (!options.hub_key.empty()) {
      socket.set(zmq::sockopt::curve_serverkey, options.hub_key);
      socket.set(zmq::sockopt::curve_publickey, options.public_key);
      socket.set(zmq::sockopt::curve_secretkey, options.secret_key);
    }
    socket.connect(options.endpoint);
    return Dealer(std::move(socket));
  } catch (const zmq::error_t& error) {
    return fail(fmt::format("cannot connect to the hub at {}: {}", options.endpoint, error.what()));
  }
}

void Dealer::exchange(Session& session, std::int64_t now_us) {
  // What is sent may take the sign that something has come.
  do {
    for (zmq::message_t message; socket_.recv(message, zmq::recv_flags::dontwait);)
      (void)session.receive(message.to_string_view(), now_us);
    for (const std::string& bytes : session.poll(now_us))
      (void)socket_.send(zmq::buffer(bytes), zmq::send_flags::dontwait);
  } while ((socket_.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0);
}

}  // namespace scanflow::link
