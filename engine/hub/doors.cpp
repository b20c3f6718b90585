#include "engine/hub/doors.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "sdk/base/clock.hpp"
#include "sidecar/protocol/codec.hpp"

namespace scanflow::hub {
namespace {

/// How long one socket is read before commands, the clock and the others have their turn. libzmq reads
/// its connections by turns, a message each.
constexpr std::int64_t kTurnUs = 2000;
constexpr int kBacklog = 1024;
/// A connection whose other side is gone without a word is closed.
constexpr int kSilentS = 30, kProbeS = 10, kProbes = 3;
constexpr const char* kDomain = "scanflow-hub";
/// ZMQ_ZAP_ENFORCE_DOMAIN, which zmq.h names as a draft only.
constexpr int kEnforceDomain = 93;

/// Who sent a message: as the ZAP handler has said, or whoever may open the Unix socket.
std::string user_of(zmq::message_t& message, bool curve) {
  if (!curve) return "local";
  const char* user = zmq_msg_gets(message.handle(), "User-Id");
  return user == nullptr ? std::string() : std::string(user);
}

void set_common(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::router_mandatory, true);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(protocol::kMaxMessageBytes));
}

}  // namespace

Doors::~Doors() {
  doors_.clear();
  if (!ipc_.empty()) ::unlink(ipc_.c_str());  // libzmq leaves it
}

void Doors::open_ipc(const std::string& path) {
  Door& door = doors_.emplace_back(Door{{context_, zmq::socket_type::router}, 'i', false, {}});
  set_common(door.socket);
  // By the credentials of the other side (SO_PEERCRED), beside what the directory allows.
  const uid_t own = ::geteuid();
  if (zmq_setsockopt(door.socket.handle(), ZMQ_IPC_FILTER_UID, &own, sizeof own) != 0)
    throw zmq::error_t();
  door.socket.bind("ipc://" + path);
  ipc_ = path;
}

void Doors::open_tcp(const std::string& endpoint, const std::string& secret_key,
                     std::int64_t handshake_us) {
  Door& door = doors_.emplace_back(Door{{context_, zmq::socket_type::router}, 't', true, {}});
  door.connections = std::make_unique<Connections>(context_, door.socket, odd_);
  set_common(door.socket);
  door.socket.set(zmq::sockopt::backlog, kBacklog);
  door.socket.set(zmq::sockopt::handshake_ivl, static_cast<int>(handshake_us / 1000));
  door.socket.set(zmq::sockopt::tcp_keepalive, 1);
  door.socket.set(zmq::sockopt::tcp_keepalive_idle, kSilentS);
  door.socket.set(zmq::sockopt::tcp_keepalive_intvl, kProbeS);
  door.socket.set(zmq::sockopt::tcp_keepalive_cnt, kProbes);
  door.socket.set(zmq::sockopt::tcp_maxrt, kSilentS * 1000);
  door.socket.set(zmq::sockopt::curve_server, true);
  door.socket.set(zmq::sockopt::curve_secretkey, secret_key);
  door.socket.set(zmq::sockopt::zap_domain, kDomain);
  const int enforce = 1;
  zmq_setsockopt(door.socket.handle(), kEnforceDomain, &enforce, sizeof enforce);
  door.socket.bind(endpoint);
  tcp_ = door.socket.get(zmq::sockopt::last_endpoint);
}

std::size_t Doors::connections() const {
  std::size_t count = 0;
  for (const Door& door : doors_) count += door.connections ? door.connections->count() : 0;
  return count;
}

void Doors::add_to(std::vector<zmq::pollitem_t>& items) {
  for (Door& door : doors_) items.push_back({door.socket.handle(), 0, ZMQ_POLLIN, 0});
}

void Doors::tick() {
  for (Door& door : doors_)
    if (door.connections) door.connections->tick();
}

void Doors::receive(std::size_t which, const Take& take) {
  Door& door = doors_[which];
  const std::int64_t end_us = monotonic_us() + kTurnUs;
  do {
    zmq::message_t routing, bytes, rest;
    if (!door.socket.recv(routing, zmq::recv_flags::dontwait)) return;
    const bool whole = routing.more() && door.socket.recv(bytes) && !bytes.more();
    std::size_t size = bytes.size();
    for (bool more = bytes.more(); more; more = rest.more()) {
      (void)door.socket.recv(rest);
      size += rest.size();
    }
    if (door.connections) door.connections->heard(zmq_msg_get(bytes.handle(), ZMQ_SRCFD), size);
    if (whole) {
      take({door.mark + routing.to_string(), user_of(bytes, door.curve)}, bytes.to_string_view());
    } else {  // no sidecar says anything in several frames
      odd_("messages of several frames");
    }
  } while (monotonic_us() < end_us);
}

std::string Doors::send(const Outgoing& message) {
  const auto door = std::find_if(doors_.begin(), doors_.end(), [&](const Door& candidate) {
    return candidate.mark == message.routing_id[0];
  });
  try {
    const zmq::const_buffer to =
        zmq::buffer(message.routing_id.data() + 1, message.routing_id.size() - 1);
    const bool taken =
        door->socket.send(to, zmq::send_flags::sndmore | zmq::send_flags::dontwait).has_value() &&
        door->socket.send(zmq::buffer(message.bytes), zmq::send_flags::dontwait).has_value();
    return taken ? "" : "it takes nothing any more";
  } catch (const zmq::error_t& error) {
    return error.what();
  }
}

}  // namespace scanflow::hub
