#include "engine/hub/connections.hpp"

#include <fmt/format.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace scanflow::hub {
namespace {

constexpr int kEvents = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_ACCEPT_FAILED |
                        ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                        ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
/// What ZMTP and CURVE put around a message, at most.
constexpr std::uint64_t kWrapping = 48;
/// Bytes of one connection that may wait to be read: several of the largest messages.
constexpr std::uint64_t kMostUnread = 64u << 20;
constexpr std::size_t kLooksATick = 500;
/// For all that a process has open beside its connections.
constexpr std::size_t kOtherFiles = 256;

std::uint64_t received_bytes(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  return info.tcpi_bytes_received;
}

}  // namespace

Connections::Connections(zmq::context_t& context, zmq::socket_t& watched, Odd odd)
    : monitor_(context, zmq::socket_type::pair), odd_(std::move(odd)) {
  const std::string name = fmt::format("inproc://scanflow-monitor-{}", fmt::ptr(this));
  zmq_socket_monitor(watched.handle(), name.c_str(), kEvents);
  // libzmq's own thread writes it, and would wait for room.
  monitor_.set(zmq::sockopt::rcvhwm, 0);
  monitor_.set(zmq::sockopt::linger, 0);
  monitor_.connect(name);
}

void Connections::heard(int fd, std::size_t bytes) {
  const auto at = static_cast<std::size_t>(fd);
  if (fd >= 0 && at < connections_.size()) connections_[at].taken += bytes + kWrapping;
}

void Connections::tick() {
  read_monitor();
  const std::size_t looks = std::min(kLooksATick, connections_.size());
  for (std::size_t i = 0; i < looks; ++i) {
    next_ = (next_ + 1) % connections_.size();
    if (connections_[next_].open) look(static_cast<int>(next_), connections_[next_]);
  }
}

void Connections::read_monitor() {
  for (;;) {
    zmq::message_t event, address;
    if (!monitor_.recv(event, zmq::recv_flags::dontwait)) return;
    if (event.more()) (void)monitor_.recv(address);
    std::uint16_t what = 0;
    std::uint32_t value = 0;
    if (event.size() < sizeof what + sizeof value) continue;
    std::memcpy(&what, event.data(), sizeof what);
    std::memcpy(&value, event.data<char>() + sizeof what, sizeof value);
    happened(what, value);
  }
}

void Connections::happened(std::uint16_t event, std::uint32_t value) {
  switch (event) {
    case ZMQ_EVENT_ACCEPTED:
      if (value >= connections_.size()) connections_.resize(value + 1);
      if (!connections_[value].open) ++count_;
      connections_[value] = {true, 0};
      break;
    case ZMQ_EVENT_DISCONNECTED:
      if (value >= connections_.size() || !connections_[value].open) break;
      connections_[value].open = false;
      --count_;
      break;
    case ZMQ_EVENT_ACCEPT_FAILED:
      odd_("connections that could not be accepted");
      break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      odd_("connections with a key that is not known, or over the limit of connections");
      break;
    default:
      odd_("connections that did not become one: no key, another hub's key, or not ZeroMQ");
  }
}

/// What is shut down here is closed by libzmq, which drops what it has of an unfinished message.
void Connections::look(int fd, Connection& connection) {
  const std::uint64_t received = received_bytes(fd);
  connection.taken = std::min(connection.taken, received);  // the wrapping is counted too high
  if (received - connection.taken <= kMostUnread) return;
  odd_("connections that sent more than can be read: shut down");
  (void)::shutdown(fd, SHUT_RDWR);
  connection.taken = received;
}

std::string raise_file_limit(std::size_t connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= connections + kOtherFiles) return {};
  return fmt::format(
      "the hub is to have {} connections, and this process may have {} files open: raise the limit "
      "(ulimit -n, LimitNOFILE= of systemd) to {}, or let it have fewer sessions",
      connections, limit.rlim_cur, connections + kOtherFiles);
}

}  // namespace scanflow::hub
