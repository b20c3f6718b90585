// scanflow server
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <string_view>
#include <thread>

#include "engine/api/http_server.hpp"
#include "engine/api/server.hpp"
#include "engine/cli/commands.hpp"
#include "sdk/base/clock.hpp"
#include "sdk/base/units.hpp"

namespace scanflow::cli {
namespace {

/// How often a draining server looks whether its runs are over.
constexpr int kLookMs = 100;

std::array<int, 2> signal_pipe{-1, -1};
std::atomic<int> signals{0};

void on_signal(int) {
  if (signals.fetch_add(1) > 0) ::_exit(kCancelled);
  const char byte = 0;
  [[maybe_unused]] const ssize_t written = ::write(signal_pipe[1], &byte, 1);
}

/// The first SIGINT or SIGTERM makes the pipe readable; the second leaves at once.
Result<void> catch_signals() {
  if (::pipe2(signal_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    return fail("cannot make a pipe for signals");
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
  return {};
}

void wait_for_signal() {
  pollfd wait{signal_pipe[0], POLLIN, 0};
  while (::poll(&wait, 1, -1) < 1) {
  }
}

void log(const std::string& line) {
  const std::string whole = line + "\n";  // in one write: threads do not mix
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, whole.data(), whole.size());
}

/// Until all runs are over, or for so long. 0: no limit.
void drain(api::Server& server, std::int64_t limit_us) {
  server.take_no_more();
  const std::int64_t until_us = monotonic_us() + limit_us;
  for (bool said = false;; said = true) {
    const auto unfinished = server.unfinished();
    if (!unfinished) return log("cannot see which runs go on: " + unfinished.error().message);
    if (*unfinished == 0) return;
    if (!said) log(fmt::format("draining: {} runs go on; again to leave at once", *unfinished));
    if (limit_us > 0 && monotonic_us() >= until_us) {
      return log(
          fmt::format("{} runs are not over; the next server goes on with them", *unfinished));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kLookMs));
  }
}

}  // namespace

int serve(const Context& context, const ServerCommand& command) {
  std::int64_t limit_us = 0;
  if (!command.drain.empty() && command.drain != "all") {
    const auto limit = parse_duration(command.drain);
    if (!limit) return complain(context, kUsage, "--drain: " + limit.error().message);
    limit_us = std::max<std::int64_t>(*limit, 1);
  }
  if (const std::string why = api::wrong_address(command.listen); !why.empty())
    return complain(context, kUsage, "--listen: " + why);
  const auto state = context.state_directory();
  if (!state) return complain(context, kEngine, state.error().message);
  if (auto caught = catch_signals(); !caught)
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
  options.version = command.version;
  options.log = log;
  auto server = api::Server::start(std::move(options));
  if (!server) return complain(context, kEngine, server.error().message);
  wait_for_signal();
  if (!command.drain.empty()) drain(**server, limit_us);
  log("stopping; what still runs goes on with its supervisor");
  server->reset();
  return kSucceeded;
}

}  // namespace scanflow::cli
