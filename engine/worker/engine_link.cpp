#include "engine/worker/engine_link.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <variant>

#include "engine/worker/note.hpp"
#include "sdk/base/unix_socket.hpp"

namespace scanflow::worker {
namespace {

constexpr std::int64_t kLazyUs = 5'000;
// An engine that does not read: telemetry is dropped beyond this.
constexpr std::size_t kMaxUnsent = 8u << 20;

bool same_user(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

}  // namespace

EngineLink::EngineLink(Loop& loop, Receive receive, std::function<void()> lost, Greet greet)
    : loop_(loop), receive_(std::move(receive)), lost_(std::move(lost)), greet_(std::move(greet)) {}

EngineLink::~EngineLink() {
  if (listener_) ::unlink(path_.c_str());
}

Result<void> EngineLink::listen(const std::string& path) {
  auto listener = listen_at(path);
  if (!listener) return tl::unexpected(listener.error());
  listener_ = std::move(*listener);
  path_ = path;
  loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept(); });
  return {};
}

void EngineLink::accept() {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd || !same_user(fd.get())) return;
  auto peer = std::make_unique<Peer>();
  const int number = fd.get();
  peer->fd = std::move(fd);
  peers_[number] = std::move(peer);
  loop_.watch(number, EPOLLIN, [this, number](std::uint32_t events) { on_ready(number, events); });
}

void EngineLink::on_ready(int fd, std::uint32_t events) {
  const auto found = peers_.find(fd);
  if (found == peers_.end()) return;
  Peer& peer = *found->second;
  if ((events & EPOLLOUT) != 0) write(peer);
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  const bool closed = peer.stream.fill(fd) == protocol::Flow::closed;
  while (!peer.closing) {
    auto message = peer.stream.next();
    if (!message) {
      reject(peer, message.error().message);
      break;
    }
    if (!*message) break;
    handle(peer, (*message)->body);
  }
  if (closed || (peer.closing && !peer.stream.pending())) drop(fd);
}

void EngineLink::handle(Peer& peer, protocol::Body& body) {
  if (const auto* hello = std::get_if<protocol::Hello>(&body)) {
    if (hello->role != "engine") return reject(peer, "only an engine may connect here");
    auto answer = greet_();
    if (!answer) {
      peer.closing = true;  // what it sends further is for the next supervisor
      return;
    }
    if (engine_ != nullptr && engine_ != &peer) drop(engine_->fd.get());
    engine_ = &peer;
    ++connection_;
    return send(std::move(*answer));
  }
  if (&peer != engine_) return reject(peer, "the first message must be Hello");
  receive_(body);
}

void EngineLink::reject(Peer& peer, const std::string& reason) {
  peer.stream.queue(protocol::Reject{reason});
  peer.closing = true;
  write(peer);
}

void EngineLink::write(Peer& peer) {
  const int fd = peer.fd.get();
  peer.stream.flush(fd);  // a closed socket is met when it is read
  loop_.change(fd, peer.stream.pending() ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void EngineLink::drop(int fd) {
  const auto found = peers_.find(fd);
  if (found == peers_.end()) return;
  loop_.forget(fd);
  const bool was_engine = found->second.get() == engine_;
  if (was_engine) engine_ = nullptr;
  peers_.erase(found);
  if (was_engine) lost_();
}

void EngineLink::send(protocol::Body body, Urgency urgency) {
  if (engine_ == nullptr) return;
  engine_->stream.queue(std::move(body));
  if (urgency == Urgency::now) {
    due_ = true;
  } else if (!due_ && !lazy_armed_) {
    lazy_armed_ = true;
    loop_.after(kLazyUs, [this] {
      lazy_armed_ = false;
      due_ = true;
    });
  }
}

bool EngineLink::backlogged() const {
  return engine_ != nullptr && engine_->stream.pending_bytes() > kMaxUnsent;
}

void EngineLink::flush() {
  if (!due_) return;
  due_ = false;
  if (engine_ != nullptr && engine_->stream.pending()) write(*engine_);
}

}  // namespace scanflow::worker
