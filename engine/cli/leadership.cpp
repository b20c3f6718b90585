#include "engine/cli/leadership.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <utility>

#include "engine/cli/context.hpp"
#include "engine/cli/end_signal.hpp"
#include "engine/http/server.hpp"
#include "engine/runtime/cluster.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/uuid.hpp"

namespace scanflow::cli {
namespace {

constexpr std::chrono::milliseconds kLook{50};
/// An API server that hangs shall not cost more than one try.
constexpr std::chrono::seconds kElectionPatience{5};

std::string identity() {
  return fmt::format("{}_{}", runtime::variable("POD_NAME", std::to_string(::getpid())),
                     uuid_v7(wall_us() / 1000));
}

/// A standby is as it should be; it has no runs to tell of.
void say_that_it_waits(const http::Request& request, const http::Reply& reply) {
  const bool probe =
      request.path.size() == 1 && (request.path[0] == "healthz" || request.path[0] == "readyz");
  if (probe) return reply(http::respond(200, {{"waits", "for the lease"}}));
  reply(http::refuse(503, kEngine, "this server waits for the lease: another one is the engine"));
}

}  // namespace

Result<std::unique_ptr<kube::Elector>> lead(const std::string& lease, const std::string& address) {
  const std::size_t slash = lease.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == lease.size())
    return fail(fmt::format("--lease {}: NAMESPACE/NAME is wanted", lease));
  kube::Client::Means means = kube::Client::usual();
  means.connect = means.silence = kElectionPatience;
  means.repeat.most = 1;
  auto client = kube::Client::open_at(runtime::cluster_of_environment().where, std::move(means));
  if (!client) return tl::unexpected(client.error());
  auto leads = std::make_shared<std::atomic<bool>>(false);
  kube::Elector::Events events;
  events.leads = [leads](std::int64_t term) {
    log_line(fmt::format("leads, in term {}", term));
    *leads = true;
  };
  events.lost = [] {
    log_line("the lease is lost: another server may begin; this one ends");
    ::_exit(kEngine);
  };
  events.log = log_line;
  auto elector = std::make_unique<kube::Elector>(
      *client, kube::Elector::What{lease.substr(0, slash), lease.substr(slash + 1), identity(), {}},
      std::move(events));
  auto standby = http::Server::listen(address);
  if (!standby) return tl::unexpected(standby.error());
  const http::Handler handler = say_that_it_waits;
  (*standby)->start(handler);
  while (!*leads) {
    if (end_signal_within(kLook)) return nullptr;
  }
  standby->reset();  // the engine listens there
  return elector;
}

}  // namespace scanflow::cli
