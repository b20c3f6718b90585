#include "tests/soak/proxy.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

#include "sdk/base/clock.hpp"

namespace scanflow::test {
namespace {

constexpr std::int64_t kPassUs = 5000;
/// Of all links, each turn: one in so many is cut, or grows deaf.
constexpr std::uint32_t kCut = 4000, kDeaf = 8000;
constexpr std::int64_t kMostDelayUs = 30'000, kMostWaitUs = 300'000, kMostDeafUs = 4'000'000;

sockaddr_in local(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

Proxy::Proxy(std::uint32_t seed) : random_(seed) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address = local(0);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, raw, size) != 0 || ::listen(listener_, 2000) != 0 ||
      ::getsockname(listener_, raw, &size) != 0) {
    throw std::runtime_error("the proxy cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

Proxy::~Proxy() {
  stop_ = true;
  thread_.join();
  for (auto& link : links_) close(*link);
  ::close(listener_);
}

void Proxy::run() {
  while (!stop_) {
    const std::int64_t now_us = monotonic_us();
    accept_all(now_us);
    std::erase_if(links_, [&](const std::unique_ptr<Link>& link) {
      const bool lives = serve(*link, now_us);
      if (!lives) close(*link);
      return !lives;
    });
    const std::int64_t left_us = kPassUs - (monotonic_us() - now_us);
    if (left_us > 0) ::poll(nullptr, 0, static_cast<int>(left_us / 1000) + 1);
  }
}

void Proxy::accept_all(std::int64_t now_us) {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    auto link = std::make_unique<Link>();
    link->up.from = link->down.to = fd;
    const bool rough = rough_;
    link->connect_us = now_us + (rough ? random_() % kMostWaitUs : 0);
    link->delay_us = rough ? random_() % kMostDelayUs : 0;
    links_.push_back(std::move(link));
  }
}

bool Proxy::connect(Link& link) {
  link.connect_us = 0;
  const int port = target_;
  if (port == 0) return false;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  link.up.to = link.down.from = fd;
  const sockaddr_in address = local(port);
  return fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

/// False: it has ended.
bool Proxy::serve(Link& link, std::int64_t now_us) {
  if (link.connect_us != 0) {
    if (now_us < link.connect_us) return true;
    if (!connect(link)) return false;
  }
  if (rough_) {
    if (one_in(kCut) || (link.deaf_us != 0 && now_us >= link.deaf_us)) {
      ++cuts_;
      return false;
    }
    if (link.deaf_us == 0 && one_in(kDeaf)) link.deaf_us = now_us + random_() % kMostDeafUs;
  } else if (link.deaf_us != 0) {
    return false;
  }
  return pump(link.up, link, now_us) && pump(link.down, link, now_us);
}

bool Proxy::pump(Half& half, const Link& link, std::int64_t now_us) {
  std::array<char, 1 << 16> buffer;
  while (!half.ended) {
    const ssize_t size = ::recv(half.from, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) break;
    half.ended = size <= 0;
    if (half.ended || link.deaf_us != 0) continue;
    half.last_due_us = std::max(half.last_due_us, now_us + link.delay_us);
    half.chunks.push_back({half.last_due_us, {buffer.data(), static_cast<std::size_t>(size)}});
  }
  while (!half.chunks.empty() && half.chunks.front().due_us <= now_us) {
    std::string& bytes = half.chunks.front().bytes;
    const ssize_t size = ::send(half.to, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    bytes.erase(0, static_cast<std::size_t>(size));
    if (!bytes.empty()) return true;
    half.chunks.pop_front();
  }
  return !half.ended || !half.chunks.empty();
}

void Proxy::close(Link& link) {
  if (link.up.from >= 0) ::close(link.up.from);
  if (link.up.to >= 0) ::close(link.up.to);
}

}  // namespace scanflow::test
