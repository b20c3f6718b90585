// scanflow server
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "engine/api/client.hpp"
#include "engine/api/server.hpp"
#include "engine/cli/commands.hpp"
#include "engine/cli/end_signal.hpp"
#include "engine/cli/leadership.hpp"
#include "engine/cli/object_primitive.hpp"
#include "engine/http/server.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {
namespace {

/// How often a draining server looks whether its runs are over.
constexpr int kLookMs = 100;

/// Until all runs are over, or for so long. 0: no limit.
void drain(api::Server& server, std::int64_t limit_us) {
  server.take_no_more();
  const std::int64_t until_us = monotonic_us() + limit_us;
  for (bool said = false;; said = true) {
    const auto unfinished = server.unfinished();
    if (!unfinished) return log_line("cannot see which runs go on: " + unfinished.error().message);
    if (*unfinished == 0) return;
    if (!said)
      log_line(fmt::format("draining: {} runs go on; again to leave at once", *unfinished));
    if (limit_us > 0 && monotonic_us() >= until_us) {
      return log_line(
          fmt::format("{} runs are not over; the next server goes on with them", *unfinished));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kLookMs));
  }
}

}  // namespace

int ask_readiness(const Context& context, const ServerCommand& command) {
  const auto client = api::HttpClient::to("http://" + command.listen);
  if (!client) return complain(context, kUsage, client.error().message);
  const auto reply = client->request({.target = "/readyz"});
  if (!reply) return complain(context, kEngine, reply.error().message);
  if (reply->status == 200) return kSucceeded;
  return complain(context, kEngine, "it is not ready: " + reply->body);
}

int serve(const Context& context, const ServerCommand& command) {
  if (command.ready) return ask_readiness(context, command);
  std::int64_t limit_us = 0;
  if (!command.drain.empty() && command.drain != "all") {
    const auto limit = parse_duration(command.drain);
    if (!limit) return complain(context, kUsage, "--drain: " + limit.error().message);
    limit_us = std::max<std::int64_t>(*limit, 1);
  }
  if (const std::string why = http::wrong_address(command.listen); !why.empty())
    return complain(context, kUsage, "--listen: " + why);
  if (const std::string why = http::wrong_address(command.services); !why.empty())
    return complain(context, kUsage, "--services: " + why);
  auto allowed = read_patch_allow(command.patch_allow);
  if (!allowed) return complain(context, kUsage, allowed.error().message);
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  if (auto caught = catch_end_signals(); !caught)
    return complain(context, kEngine, caught.error().message);
  api::ServerOptions options;
  options.state = *state;
  options.worker = context.worker;
  options.plugins = context.plugins;
  options.plugin_dirs = context.plugin_dirs;
  options.jobs =
      command.jobs > 0 ? command.jobs : std::max(1u, std::thread::hardware_concurrency());
  options.durability =
      command.durable == "power" ? store::Durability::power : store::Durability::process;
  options.listen = command.listen;
  options.services = command.services;
  options.services_on = command.services_on;
  options.version = command.version;
  options.log = log_line;
  options.patch_allow = std::move(*allowed);
  std::unique_ptr<kube::Elector> elector;
  if (!command.lease.empty()) {
    auto led = lead(command.lease, command.listen);
    if (!led) return complain(context, kEngine, led.error().message);
    if (*led == nullptr) return kSucceeded;  // told to end while it waited
    elector = std::move(*led);
  }
  auto server = api::Server::start(std::move(options));
  if (!server) return complain(context, kEngine, server.error().message);
  wait_for_end_signal();
  if (!command.drain.empty()) drain(**server, limit_us);
  log_line("stopping; what still runs goes on with its supervisor");
  server->reset();
  return kSucceeded;
}

}  // namespace scanflow::cli
