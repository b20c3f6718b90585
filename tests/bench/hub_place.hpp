// What the benchmarks of the hub share: keys, sockets, a hub with its counters, sidecars.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/hub/hub.hpp"
#include "sdk/base/clock.hpp"
#include "sidecar/link/dealer.hpp"
#include "tests/support/keys.hpp"
#include "tests/support/sidecar_link.hpp"

namespace scanflow::bench {

inline bool until(const std::function<bool()>& condition, std::int64_t most_us = 120'000'000) {
  const std::int64_t end_us = monotonic_us() + most_us;
  while (!condition()) {
    if (monotonic_us() > end_us) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

using test::Keys;
/// One pair for the hub and one for all sidecars, the same in both processes.
struct AllKeys {
  Keys hub, sidecar;
};

inline std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

inline zmq::socket_t raw_dealer(zmq::context_t& context, const std::string& endpoint,
                                const AllKeys* keys) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  if (keys != nullptr) {
    socket.set(zmq::sockopt::curve_serverkey, keys->hub.open);
    socket.set(zmq::sockopt::curve_publickey, keys->sidecar.open);
    socket.set(zmq::sockopt::curve_secretkey, keys->sidecar.secret);
  }
  socket.connect(endpoint);
  return socket;
}
/// Where the context has no ZAP handler any key is let in.
inline zmq::socket_t raw_router(zmq::context_t& context, const AllKeys* keys) {
  zmq::socket_t socket(context, zmq::socket_type::router);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::backlog, 1024);
  if (keys != nullptr) {
    socket.set(zmq::sockopt::curve_server, true);
    socket.set(zmq::sockopt::curve_secretkey, keys->hub.secret);
    socket.set(zmq::sockopt::zap_domain, "raw");
  }
  socket.bind("tcp://127.0.0.1:*");
  return socket;
}

/// A hub on TCP with CURVE that counts; `more` adds events.
class CountingHub {
 public:
  CountingHub(const AllKeys& keys, hub::HubLimits limits, hub::HubEvents more = {}) {
    hub::HubOptions options;
    options.boot_id = "hub";
    options.term = 1;
    options.limits = limits;
    options.network.tcp = "tcp://127.0.0.1:*";
    options.network.secret_key = keys.hub.secret;
    options.network.user_of = [](const std::string&) { return "user"; };
    more.attached = [this](const auto&, const auto&) { ++attached; };
    more.series = [this](const auto&, const auto&) { return ++series; };
    more.samples = [this](std::span<const hub::Sample> taken) { samples += taken.size(); };
    auto started = hub::Hub::start(std::move(options), std::move(more));
    if (!started) throw std::runtime_error(started.error().message);
    hub = std::move(*started);
  }

  std::atomic<std::size_t> attached = 0, samples = 0, series = 0;
  std::unique_ptr<hub::Hub> hub;
};

/// A sidecar's session and socket.
struct Sidecar {
  Sidecar(zmq::context_t& context, const std::string& endpoint, const AllKeys& keys,
          const std::string& pod, link::SessionEvents events = {})
      : session({pod, "boot", {.role = "sidecar"}}, ring, outbox, std::move(events)),
        dealer(*link::Dealer::open(
            context, {endpoint, keys.hub.open, keys.sidecar.open, keys.sidecar.secret})) {}

  link::TelemetryRing ring{2000, 200};
  test::MemoryOutbox outbox{"spool"};
  link::Session session;
  link::Dealer dealer;
};

}  // namespace scanflow::bench
