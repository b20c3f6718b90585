#include "sidecar/relay/worker_link.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "sdk/base/unix_socket.hpp"

namespace scanflow::relay {
namespace {

/// Both containers start at once: the worker listens within milliseconds.
constexpr std::int64_t kLeastWaitUs = 2'000, kMostWaitUs = 500'000;

}  // namespace

WorkerLink::WorkerLink(sidecar::Loop& loop, std::string path, Events events)
    : loop_(loop),
      path_(std::move(path)),
      events_(std::move(events)),
      retry_(loop.timer([this] { connect(); })) {
  sidecar::Loop::arm(retry_, 0);
}

void WorkerLink::connect() {
  auto fd = connect_to(path_);
  if (!fd) {
    if (std::error_code none; std::filesystem::exists(path_, none)) events_.lost();
    wait_us_ = std::clamp(wait_us_ * 2, kLeastWaitUs, kMostWaitUs);
    return sidecar::Loop::arm(retry_, wait_us_);
  }
  wait_us_ = 0;
  fd_ = std::move(*fd);
  stream_ = protocol::Stream();
  reading_ = loop_.watch(fd_.get(), EV_READ, [this](short) { read(); });
  protocol::Hello hello;
  hello.role = "engine";
  hello.pid = ::getpid();
  send(std::move(hello));
  events_.connected();
}

void WorkerLink::send(protocol::Body body) {
  if (!fd_) return;
  stream_.queue(std::move(body));
  write();
}

void WorkerLink::write() {
  stream_.flush(fd_.get());  // a closed socket is met when it is read
  writing_ = stream_.pending() ? loop_.watch(fd_.get(), EV_WRITE, [this](short) { write(); })
                               : sidecar::Loop::Watch();
}

void WorkerLink::read() {
  bool closed = stream_.fill(fd_.get()) == protocol::Flow::closed;
  for (;;) {
    auto message = stream_.next();
    if (!message) closed = true;  // out of step
    if (!message || !*message) break;
    events_.message((*message)->body);
  }
  if (closed) drop();
}

void WorkerLink::drop() {
  reading_ = {};
  writing_ = {};
  fd_.reset();
  sidecar::Loop::arm(retry_, kLeastWaitUs);
  events_.lost();
}

}  // namespace scanflow::relay
