// The sidecar as the engine of its Pod's worker: a connection to its Unix socket, made again whenever it
// breaks. The worker keeps what became of its attempts until it is acknowledged. [one thread]
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sdk/base/unique_fd.hpp"
#include "sidecar/loop/loop.hpp"
#include "sidecar/protocol/stream.hpp"

namespace scanflow::relay {

class WorkerLink {
 public:
  struct Events {
    std::function<void()> connected;  // it knows of nothing that was said before
    std::function<void()> lost;       // at each try that finds its socket, and nobody there
    std::function<void(protocol::Body&)> message;
  };

  WorkerLink(sidecar::Loop& loop, std::string path, Events events);

  bool connected() const { return static_cast<bool>(fd_); }
  /// Lost where there is no connection.
  void send(protocol::Body body);

 private:
  void connect();
  void read();
  void write();
  void drop();

  sidecar::Loop& loop_;
  const std::string path_;
  const Events events_;
  UniqueFd fd_;
  protocol::Stream stream_;
  sidecar::Loop::Watch reading_, writing_, retry_;
  std::int64_t wait_us_ = 0;  // before the next try
};

}  // namespace scanflow::relay
