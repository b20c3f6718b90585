#include "engine/hub/zap.hpp"

#include <array>
#include <utility>
#include <vector>
#include <zmq_addon.hpp>

namespace scanflow::hub {
namespace {

constexpr std::size_t kKeyBytes = 32;

/// Frames of a request: version, request id, domain, address, identity, mechanism, credentials.
constexpr std::size_t kRequestFrames = 7;

/// Not 400: that is final, and libzmq never connects again for it; the key may be known later.
constexpr const char* kNotNow = "300";

std::string user_of_request(const std::vector<zmq::message_t>& request,
                            const ZapHandler::UserOf& user_of) {
  if (request.size() != kRequestFrames || request[0].to_string_view() != "1.0" ||
      request[5].to_string_view() != "CURVE" || request[6].size() != kKeyBytes) {
    return {};
  }
  std::array<char, 41> key{};
  if (zmq_z85_encode(key.data(), request[6].data<std::uint8_t>(), kKeyBytes) == nullptr) return {};
  return user_of(key.data());
}

}  // namespace

ZapHandler::ZapHandler(zmq::context_t& context, UserOf user_of) : user_of_(std::move(user_of)) {
  zmq::socket_t socket(context, zmq::socket_type::rep);
  socket.set(zmq::sockopt::linger, 0);
  socket.bind("inproc://zeromq.zap.01");
  thread_ = std::thread([this, moved = std::move(socket)]() mutable { serve(std::move(moved)); });
}

void ZapHandler::serve(zmq::socket_t socket) const {
  for (;;) {
    std::vector<zmq::message_t> request;
    try {
      if (!zmq::recv_multipart(socket, std::back_inserter(request))) continue;
      const std::string user = user_of_request(request, user_of_);
      const std::string id = request.size() > 1 ? request[1].to_string() : std::string();
      std::array<zmq::const_buffer, 6> reply{
          zmq::buffer(std::string_view("1.0")),
          zmq::buffer(id),
          zmq::buffer(std::string_view(user.empty() ? kNotNow : "200")),
          zmq::buffer(std::string_view(user.empty() ? "unknown key" : "OK")),
          zmq::buffer(user),
          zmq::buffer(std::string_view())};
      (void)zmq::send_multipart(socket, reply);
    } catch (const zmq::error_t& error) {
      if (error.num() == ETERM) return;
    }
  }
}

}  // namespace scanflow::hub
