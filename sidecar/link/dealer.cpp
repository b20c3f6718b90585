#include "sidecar/link/dealer.hpp"

#include <fmt/format.h>

#include <random>
#include <utility>

#include "sidecar/protocol/codec.hpp"

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

}  // namespace scanflow::link
