#include "engine/kube/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>

#include "engine/http/base64.hpp"
#include "engine/http/url.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::kube {
namespace {

/// API servers close what is idle for longer (Go's default is two minutes).
constexpr std::int64_t kIdleUs = 60'000'000;
constexpr const char* kUserAgent = "scanflow";

Result<http::Url> parse_address(const std::string& url, const char* what) {
  auto parsed = http::parse_url(url);
  if (!parsed)
    return fail(fmt::format("{} '{}' is no address: https://HOST:PORT is one", what, url));
  return std::move(*parsed);
}

Failure no_credentials(const std::string& why) {
  return {.code = 0,
          .reason = "Credentials",
          .message = why,
          .details = {},
          .retry_after = {},
          .why = http::NoAnswer::Why::tls,
          .sent = false};
}

std::string target_of(const std::string& base, const Request& request) {
  std::string target = base + request.path;
  char before = '?';
  for (const auto& [name, value] : request.query) {
    if (value.empty()) continue;
    target += fmt::format("{}{}={}", before, name, http::percent_encoded(value));
    before = '&';
  }
  return target;
}

}  // namespace

bool wait_for(std::int64_t wait_us, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, std::chrono::microseconds(wait_us), [] { return false; });
  return !stop.stop_requested();
}

Client::Means Client::usual() {
  return {.monotonic_us = [] { return monotonic_us(); },
          .wall_us = [] { return scanflow::wall_us(); },
          .rate = {},
          .repeat = {}};
}

Result<std::shared_ptr<Client>> Client::open_at(const Whereabouts& where, Means means) {
  auto access = find_access(where);
  if (!access) return tl::unexpected(access.error());
  return open(std::move(*access), std::move(means));
}

Result<std::shared_ptr<Client>> Client::open(Access access, Means means) {
  const auto server = parse_address(access.server, "the server");
  if (!server) return fail(fmt::format("{}: {}", access.origin, server.error().message));
  if (!server->tls) {
    return fail(fmt::format(
        "{}: the server '{}' is without TLS, over which no credentials are sent: https://...",
        access.origin, access.server));
  }
  http::Peer peer{.host = server->host,
                  .port = server->port,
                  .context = {},
                  .server_name = access.server_name,
                  .proxy = {}};
  if (!access.proxy.empty()) {
    const auto proxy = parse_address(access.proxy, "proxy-url");
    if (!proxy) return fail(fmt::format("{}: {}", access.origin, proxy.error().message));
    if (proxy->tls)
      return fail(fmt::format("{}: proxy-url: only http:// proxies are known here", access.origin));
    peer.proxy = {proxy->host, proxy->port,
                  proxy->user.empty() ? "" : "Basic " + http::base64(proxy->user)};
  }
  return std::shared_ptr<Client>(
      new Client(std::move(access), std::move(means), std::move(peer), server->path));
}

Client::Client(Access access, Means means, http::Peer peer, std::string base)
    : identity_(std::move(access), means.wall_us),
      means_(std::move(means)),
      peer_(std::move(peer)),
      base_(std::move(base)),
      limiter_(means_.rate, means_.monotonic_us()) {}

double Client::jitter() {
  const std::scoped_lock lock(mutex_);
  return std::uniform_real_distribution<>(0, 1)(random_);
}

bool Client::wait_turn(const std::stop_token& stop) {
  std::int64_t wait_us = 0;
  {
    const std::scoped_lock lock(mutex_);
    wait_us = limiter_.take(means_.monotonic_us());
  }
  return wait_us == 0 || wait_for(wait_us, stop);
}

Answer<Client::Connection> Client::connection(bool fresh, const std::stop_token& stop) {
  const auto context = identity_.context(stop);
  if (!context) return tl::unexpected(no_credentials(context.error().message));
  const std::int64_t now_us = means_.monotonic_us();
  {
    const std::scoped_lock lock(mutex_);
    std::erase_if(idle_, [&](const Connection& each) {
      return each.context != context->get() || now_us - each.since_us >= kIdleUs;
    });
    if (!fresh && !idle_.empty()) {
      Connection kept = std::move(idle_.back());
      idle_.pop_back();
      return kept;
    }
  }
  http::Peer peer = peer_;
  peer.context = *context;
  auto made = http::Client::connect(peer, means_.connect, stop);
  if (!made) return tl::unexpected(failure_of(made.error(), access().server));
  return Connection{std::move(*made), context->get(), now_us};
}

void Client::keep(Connection connection) {
  constexpr std::size_t kMostIdle = 16;
  const std::scoped_lock lock(mutex_);
  connection.since_us = means_.monotonic_us();
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(connection));
}

Answer<http::Outgoing> Client::outgoing(const Request& request, const std::stop_token& stop) {
  const auto authorization = identity_.authorization(stop);
  if (!authorization) return tl::unexpected(no_credentials(authorization.error().message));
  http::Outgoing made{request.method,
                      target_of(base_, request),
                      {{"Accept", "application/json"}, {"User-Agent", kUserAgent}},
                      request.body.is_null() ? "" : request.body.dump(),
                      means_.silence};
  if (!request.body.is_null()) made.headers.emplace_back("Content-Type", request.content_type);
  if (!authorization->empty()) made.headers.emplace_back("Authorization", *authorization);
  return made;
}

}  // namespace scanflow::kube
