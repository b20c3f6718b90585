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

#include "sdk/base/clock.hpp"

namespace scanflow::hub {
namespace {

constexpr std::int64_t kTickUs = 100'000;
/// Messages of one socket before the others have their turn.
constexpr int kTurn = 1000;
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
  };

  Impl(HubOptions chosen, HubEvents events)
      : options(std::move(chosen)),
        core(options.boot_id, options.term, options.limits, std::move(events)),
        wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Impl() {
    post([this](Core&, std::int64_t) { stopping = true; });
    if (thread.joinable()) thread.join();
    doors.clear();
    context.shutdown();
    zap.reset();
    ::close(wake);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void open();
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
    Door& door = doors.emplace_back(Door{{context, zmq::socket_type::router}, 'i', false});
    set_common(door.socket);
    door.socket.bind("ipc://" + options.ipc);
  }
  if (!options.tcp.empty()) {
    zap = std::make_unique<ZapHandler>(context, options.user_of);
    Door& door = doors.emplace_back(Door{{context, zmq::socket_type::router}, 't', true});
    set_common(door.socket);
    door.socket.set(zmq::sockopt::curve_server, true);
    door.socket.set(zmq::sockopt::curve_secretkey, options.secret_key);
    door.socket.set(zmq::sockopt::zap_domain, kDomain);
    const int enforce = 1;
    zmq_setsockopt(door.socket.handle(), kEnforceDomain, &enforce, sizeof enforce);
    door.socket.bind(options.tcp);
    tcp = door.socket.get(zmq::sockopt::last_endpoint);
  }
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
      tick_us = now_us + kTickUs;
    }
    send_all();
  }
}

void Hub::Impl::receive(Door& door) {
  for (int i = 0; i < kTurn; ++i) {
    zmq::message_t routing, bytes, rest;
    if (!door.socket.recv(routing, zmq::recv_flags::dontwait)) return;
    const bool whole = routing.more() && door.socket.recv(bytes) && !bytes.more();
    for (bool more = bytes.more(); more; more = rest.more()) (void)door.socket.recv(rest);
    if (!whole) continue;  // no sidecar says anything in several frames
    Peer peer{door.mark + routing.to_string(), user_of(bytes, door.curve)};
    core.receive(peer, bytes.to_string_view(), monotonic_us());
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
