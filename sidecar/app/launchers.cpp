#include "sidecar/app/launchers.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "sdk/base/unix_socket.hpp"

namespace scanflow::sidecar {
namespace {

constexpr std::size_t kMostPeers = 256;
/// One that does not read what it is told is of no use.
constexpr std::size_t kMostPending = std::size_t{4} << 20;

}  // namespace

Result<std::unique_ptr<Launchers>> Launchers::listen(Loop& loop, const std::string& path,
                                                     Events events) {
  auto listener = listen_at(path);
  if (!listener) return tl::unexpected(listener.error());
  return std::unique_ptr<Launchers>(
      new Launchers(loop, path, std::move(*listener), std::move(events)));
}

Launchers::Launchers(Loop& loop, std::string path, UniqueFd listener, Events events)
    : loop_(loop),
      path_(std::move(path)),
      events_(std::move(events)),
      listener_(std::move(listener)),
      accepting_(loop.watch(listener_.get(), EV_READ, [this](short) { accept(); })) {}

Launchers::~Launchers() { ::unlink(path_.c_str()); }

void Launchers::accept() {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd || peers_.size() >= kMostPeers) return;
  const Id id = ++last_;
  auto peer = std::make_unique<Peer>();
  peer->reading = loop_.watch(fd.get(), EV_READ, [this, id](short) { read(id); });
  peer->fd = std::move(fd);
  peers_[id] = std::move(peer);
}

void Launchers::read(Id id) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  Peer& peer = *found->second;
  const bool closed = peer.stream.fill(peer.fd.get()) == protocol::Flow::closed;
  for (;;) {
    auto message = peer.stream.next();
    if (!message) return drop(id);
    if (!*message) break;
    events_.message(id, (*message)->body);
  }
  if (closed) drop(id);
}

bool Launchers::tell(Id id, protocol::Body body) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return false;
  found->second->stream.queue(std::move(body));
  write(id);
  return true;
}

void Launchers::write(Id id) {
  const auto found = peers_.find(id);
  if (found == peers_.end()) return;
  Peer& peer = *found->second;
  peer.stream.flush(peer.fd.get());  // a closed socket is met when it is read
  if (!peer.stream.pending()) {
    peer.writing = {};
  } else if (peer.stream.pending_bytes() > kMostPending) {
    ::shutdown(peer.fd.get(), SHUT_RDWR);
  } else {
    peer.writing = loop_.watch(peer.fd.get(), EV_WRITE, [this, id](short) { write(id); });
  }
}

void Launchers::drop(Id id) {
  if (peers_.erase(id) > 0) events_.gone(id);
}

}  // namespace scanflow::sidecar
