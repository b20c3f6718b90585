#include "engine/hub/hub.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/hub/serving.hpp"

namespace scanflow::hub {

std::string HubOptions::addresses() const {
  std::vector<std::string> all;
  for (const std::string& each : {ipc, network.tcp, bulk_ipc, network.bulk_tcp})
    if (!each.empty()) all.push_back(each);
  return fmt::format("{}", fmt::join(all, ", "));
}

struct Hub::Impl {
  Impl(HubOptions chosen, HubEvents events)
      : options(std::move(chosen)),
        core(options.boot_id, options.term, options.limits, std::move(events)),
        control(context, [this](const char* what) { core.odd(what); }),
        bulk_serving(context, [this](const char* what) { odd(what); }) {}
  ~Impl() {
    bulk_serving.end();
    control.end();
    context.shutdown();
    zap.reset();  // its thread asks how many connections there are
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// Some of those that are attached may connect anew before their old connection is known to be gone.
  std::size_t most_connections() const { return options.limits.sessions + 500; }
  void open();
  void open_network();
  void begin_bulk();
  void begin();
  Result<void> try_to(const std::function<void()>& listen, bool network) const;
  bool send_control();
  bool send_bulk();
  /// Of what bulk has seen, which the control thread accounts for.
  void odd(const std::string& what) {
    control.post([this, what](std::int64_t) { core.odd(what); });
  }

  HubOptions options;
  Core core;
  zmq::context_t context;
  std::unique_ptr<ZapHandler> zap;
  Serving control;
  std::unique_ptr<Bulk> bulk;
  Serving bulk_serving;
};

void Hub::Impl::open() {
  if (options.bulk) {
    bulk = std::make_unique<Bulk>(options.boot_id, options.term, options.bulk_limits, *options.bulk,
                                  [this](const std::string& what) { odd(what); });
  }
  if (!options.ipc.empty()) control.doors().open_ipc(options.ipc);
  if (bulk && !options.bulk_ipc.empty()) bulk_serving.doors().open_ipc(options.bulk_ipc);
  if (!options.network.tcp.empty()) open_network();
}

void Hub::Impl::open_network() {
  const HubNetwork& network = options.network;
  zap = std::make_unique<ZapHandler>(context, [this](const std::string& key) {
    const std::size_t connections =
        control.doors().connections() + bulk_serving.doors().connections();
    return connections > 2 * most_connections() ? "" : options.network.user_of(key);
  });
  const std::int64_t handshake_us = options.limits.handshake_us;
  control.doors().open_tcp(network.tcp, network.secret_key, handshake_us);
  if (bulk && !network.bulk_tcp.empty())
    bulk_serving.doors().open_tcp(network.bulk_tcp, network.secret_key, handshake_us);
}

void Hub::Impl::begin() {
  Serving::Work work;
  work.receive = [this](const Peer& peer, std::string_view bytes, std::int64_t now_us) {
    core.receive(peer, bytes, now_us);
  };
  work.tick = [this](std::int64_t now_us) { core.tick(now_us); };
  work.send = [this](std::int64_t) { return send_control(); };
  control.begin(std::move(work));
  if (bulk_serving.doors().size() > 0) begin_bulk();
}

Result<void> Hub::Impl::try_to(const std::function<void()>& listen, bool network) const {
  if (network) {
    const std::size_t each = bulk ? 2 : 1;
    const std::string why = raise_file_limit(each * most_connections());
    if (!why.empty()) return fail(why);
  }
  try {
    listen();
  } catch (const zmq::error_t& error) {
    return fail(fmt::format("the hub cannot listen on {}: {}", options.addresses(), error.what()));
  }
  return {};
}

/// Where nobody can come there is nothing to wait for.
void Hub::Impl::begin_bulk() {
  Serving::Work moving;
  moving.receive = [this](const Peer& peer, std::string_view bytes, std::int64_t now_us) {
    bulk->receive(peer, bytes, now_us);
  };
  moving.tick = [this](std::int64_t now_us) { bulk->tick(now_us); };
  moving.send = [this](std::int64_t) { return send_bulk(); };
  bulk_serving.begin(std::move(moving));
}

/// A sidecar that takes nothing, or is gone, has lost its session; it says Hello when it is back.
bool Hub::Impl::send_control() {
  for (const Outgoing& each : core.take_outgoing()) {
    if (const std::string why = control.doors().send(each); !why.empty())
      core.disconnected(each.routing_id, why);
  }
  return false;
}

bool Hub::Impl::send_bulk() {
  const bool more = bulk->pump();
  for (const Outgoing& each : bulk->take_outgoing()) {
    if (!bulk_serving.doors().send(each).empty()) bulk->disconnected(each.routing_id);
  }
  return more;
}

Hub::Hub(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Hub::~Hub() = default;

Result<std::unique_ptr<Hub>> Hub::start(HubOptions options, HubEvents events) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(events));
  if (auto opened = impl->try_to([&] { impl->open(); }, !impl->options.network.tcp.empty());
      !opened) {
    return tl::unexpected(opened.error());
  }
  impl->begin();
  return std::unique_ptr<Hub>(new Hub(std::move(impl)));
}

Result<void> Hub::listen(HubNetwork network) {
  impl_->options.network = std::move(network);
  auto listens = impl_->try_to(
      [this] {
        impl_->control.pause(
            [this] { impl_->bulk_serving.pause([this] { impl_->open_network(); }); });
      },
      true);
  if (listens && impl_->bulk && !impl_->bulk_serving.running()) impl_->begin_bulk();
  return listens;
}

void Hub::post(std::function<void(Core&, std::int64_t)> work) {
  impl_->control.post(
      [core = &impl_->core, work = std::move(work)](std::int64_t now_us) { work(*core, now_us); });
}
const std::string& Hub::tcp() const { return impl_->control.doors().tcp(); }
const std::string& Hub::bulk_tcp() const { return impl_->bulk_serving.doors().tcp(); }

}  // namespace scanflow::hub
