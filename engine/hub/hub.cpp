#include "engine/hub/hub.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "engine/hub/connections.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::hub {
namespace {

constexpr std::int64_t kTickUs = 100'000;
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

struct Hub::Impl {
  /// A socket, and what the routing ids that it assigns begin with: two assign the same ones.
  struct Door {
    zmq::socket_t socket;
    char mark;
    bool curve;
    std::unique_ptr<Connections> connections;  // where it is TCP
  };

  Impl(HubOptions chosen, HubEvents events)
      : options(std::move(chosen)),
        core(options.boot_id, options.term, options.limits, std::move(events)),
        wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Impl() {
    post([this](Core&, std::int64_t) { stopping = true; });
    if (thread.joinable()) thread.join();
    context.shutdown();
    zap.reset();  // its thread asks how many connections there are
    doors.clear();
    if (!options.ipc.empty()) ::unlink(options.ipc.c_str());  // libzmq leaves it
    ::close(wake);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// Some of those that are attached may connect anew before their old connection is known to be gone.
  std::size_t most_connections() const { return options.limits.sessions + 500; }
  void open();
  void open_tcp();
  void run();
  void receive(Door& door);
  void send_all();
  void do_posted();
  void post(std::function<void(Core&, std::int64_t)> work);

  const HubOptions options;
  Core core;
  zmq::context_t context;
  std::unique_ptr<ZapHandler> zap;
  std::vector<Door> doors;
  std::string tcp;
  const int wake;
  std::mutex mutex;
  std::vector<std::function<void(Core&, std::int64_t)>> posted;
  bool stopping = false;  // the thread's
  std::thread thread;
};

void Hub::Impl::open() {
  if (!options.ipc.empty()) {
    Door& door = doors.emplace_back(Door{{context, zmq::socket_type::router}, 'i', false, {}});
    set_common(door.socket);
    door.socket.bind("ipc://" + options.ipc);
  }
  if (!options.tcp.empty()) open_tcp();
}

void Hub::Impl::open_tcp() {
  Door& door = doors.emplace_back(Door{{context, zmq::socket_type::router}, 't', true, {}});
  door.connections = std::make_unique<Connections>(context, door.socket,
                                                   [this](const char* what) { core.odd(what); });
  zap = std::make_unique<ZapHandler>(
      context, [this, connections = door.connections.get()](const std::string& key) {
        return connections->count() > most_connections() ? "" : options.user_of(key);
      });
  set_common(door.socket);
  door.socket.set(zmq::sockopt::backlog, kBacklog);
  door.socket.set(zmq::sockopt::handshake_ivl,
                  static_cast<int>(options.limits.handshake_us / 1000));
  door.socket.set(zmq::sockopt::tcp_keepalive, 1);
  door.socket.set(zmq::sockopt::tcp_keepalive_idle, kSilentS);
  door.socket.set(zmq::sockopt::tcp_keepalive_intvl, kProbeS);
  door.socket.set(zmq::sockopt::tcp_keepalive_cnt, kProbes);
  door.socket.set(zmq::sockopt::tcp_maxrt, kSilentS * 1000);
  door.socket.set(zmq::sockopt::curve_server, true);
  door.socket.set(zmq::sockopt::curve_secretkey, options.secret_key);
  door.socket.set(zmq::sockopt::zap_domain, kDomain);
  const int enforce = 1;
  zmq_setsockopt(door.socket.handle(), kEnforceDomain, &enforce, sizeof enforce);
  door.socket.bind(options.tcp);
  tcp = door.socket.get(zmq::sockopt::last_endpoint);
}

void Hub::Impl::run() {
  std::vector<zmq::pollitem_t> items{{nullptr, wake, ZMQ_POLLIN, 0}};
  for (Door& door : doors) items.push_back({door.socket.handle(), 0, ZMQ_POLLIN, 0});
  std::int64_t tick_us = 0;
  while (!stopping) {
    const std::int64_t wait_us = std::max<std::int64_t>(tick_us - monotonic_us(), 0);
    if (zmq_poll(items.data(), static_cast<int>(items.size()), (wait_us + 999) / 1000) < 0)
      continue;
    if (items[0].revents != 0) do_posted();
    for (std::size_t i = 0; i < doors.size(); ++i)
      if (items[i + 1].revents != 0) receive(doors[i]);
    if (const std::int64_t now_us = monotonic_us(); now_us >= tick_us) {
      core.tick(now_us);
      for (Door& door : doors)
        if (door.connections) door.connections->tick();
      tick_us = now_us + kTickUs;
    }
    send_all();
  }
}

void Hub::Impl::receive(Door& door) {
  std::int64_t now_us = monotonic_us();
  for (const std::int64_t end_us = now_us + kTurnUs; now_us < end_us; now_us = monotonic_us()) {
    zmq::message_t routing, bytes, rest;
    if (!door.socket.recv(routing, zmq::recv_flags::dontwait)) return;
    const bool whole = routing.more() && door.socket.recv(bytes) && !bytes.more();
    std::size_t size = bytes.size();
    for (bool more = bytes.more(); more; more = rest.more()) {
      (void)door.socket.recv(rest);
      size += rest.size();
    }
    if (door.connections) door.connections->heard(zmq_msg_get(bytes.handle(), ZMQ_SRCFD), size);
    if (!whole) {  // no sidecar says anything in several frames
      core.odd("messages of several frames");
      continue;
    }
    Peer peer{door.mark + routing.to_string(), user_of(bytes, door.curve)};
    core.receive(peer, bytes.to_string_view(), now_us);
  }
}

/// A sidecar that takes nothing, or is gone, has lost its session; it says Hello when it is back.
void Hub::Impl::send_all() {
  for (Outgoing& each : core.take_outgoing()) {
    const auto door = std::find_if(doors.begin(), doors.end(), [&](const Door& candidate) {
      return candidate.mark == each.routing_id[0];
    });
    try {
      const bool taken =
          door->socket
              .send(zmq::buffer(each.routing_id.data() + 1, each.routing_id.size() - 1),
                    zmq::send_flags::sndmore | zmq::send_flags::dontwait)
              .has_value() &&
          door->socket.send(zmq::buffer(each.bytes), zmq::send_flags::dontwait).has_value();
      if (!taken) core.disconnected(each.routing_id, "it takes nothing any more");
    } catch (const zmq::error_t& error) {
      core.disconnected(each.routing_id, error.what());
    }
  }
}

void Hub::Impl::do_posted() {
  std::uint64_t times = 0;
  (void)!::read(wake, &times, sizeof times);
  std::vector<std::function<void(Core&, std::int64_t)>> work;
  {
    const std::lock_guard lock(mutex);
    work.swap(posted);
  }
  for (const auto& each : work) each(core, monotonic_us());
}

void Hub::Impl::post(std::function<void(Core&, std::int64_t)> work) {
  {
    const std::lock_guard lock(mutex);
    posted.push_back(std::move(work));
  }
  const std::uint64_t once = 1;
  (void)!::write(wake, &once, sizeof once);
}

Hub::Hub(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Hub::~Hub() = default;

Result<std::unique_ptr<Hub>> Hub::start(HubOptions options, HubEvents events) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(events));
  if (!impl->options.tcp.empty()) {
    const std::string why = raise_file_limit(impl->most_connections());
    if (!why.empty()) return fail(why);
  }
  try {
    impl->open();
  } catch (const zmq::error_t& error) {
    return fail(fmt::format("the hub cannot listen on {} {}: {}", impl->options.ipc,
                            impl->options.tcp, error.what()));
  }
  impl->thread = std::thread([raw = impl.get()] { raw->run(); });
  return std::unique_ptr<Hub>(new Hub(std::move(impl)));
}

void Hub::post(std::function<void(Core&, std::int64_t)> work) { impl_->post(std::move(work)); }
const std::string& Hub::tcp() const { return impl_->tcp; }

}  // namespace scanflow::hub
