#include "engine/webhook/webhook.hpp"

#include <fmt/format.h>

#include <atomic>
#include <ctime>

#include "engine/http/server.hpp"
#include "engine/webhook/metrics.hpp"
#include "engine/webhook/review.hpp"
#include "sdk/base/clock.hpp"

namespace scanflow::webhook {
namespace {

/// An API server has one for each review that it waits for, and changes 200 objects at once by
/// default; each may hold a whole body.
constexpr std::size_t kMostConnections = 250;
constexpr const char* kMetricsType = "text/plain; version=0.0.4";

http::Response plain(std::string text, const char* type = "text/plain") {
  http::Response response;
  response.body = std::move(text);
  response.content_type = type;
  return response;
}

}  // namespace

struct Webhook::Impl {
  explicit Impl(Options chosen) : options(std::move(chosen)) {}

  ~Impl() {
    if (server) server->hear_no_more();
  }

  http::Response answer(const http::Request& request) {
    const std::string path = request.path.size() == 1 ? request.path.front() : "";
    if (path == "inject") return inject(request);
    if (request.method != "GET")
      return http::refuse(405, 2, "there is nothing else to POST to than /inject");
    if (path == "ready" && leaves) return http::refuse(503, 0, "it is told to end");
    if (path == "live" || path == "ready") return plain("ok\n");
    if (path == "metrics")
      return plain(metrics.text(certificate->current().not_after_s), kMetricsType);
    return http::refuse(404, 2, "there are POST /inject, GET /live, /ready and /metrics");
  }

  http::Response inject(const http::Request& request) {
    const std::int64_t began_us = monotonic_us();
    Verdict verdict = review(request, options.settings);
    metrics.count(verdict, monotonic_us() - began_us);
    say(verdict);
    return std::move(verdict.response);
  }

  void say(const Verdict& verdict) const {
    if (!verdict.refused.empty()) return options.log("refused a request: " + verdict.refused);
    if (verdict.dry_run) return;
    const std::string& place = verdict.name_space;
    if (!verdict.problem.empty())
      return options.log(fmt::format("{}: no sidecar: {}", place, verdict.problem));
    for (const inject::Report& report : verdict.reports) {
      options.log(fmt::format("{}: {} {}{}{}", place, report.workload, describe(report.outcome),
                              report.reason.empty() ? "" : ": ", report.reason));
    }
  }

  const Options options;
  std::atomic<bool> leaves{false};
  Metrics metrics;
  std::shared_ptr<http::Certificate> certificate;
  std::unique_ptr<http::Server> server;  // its thread ends first
};

Webhook::Webhook(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Webhook::~Webhook() = default;
void Webhook::take_leave() { impl_->leaves = true; }
const std::string& Webhook::address() const { return impl_->server->address(); }

Result<std::unique_ptr<Webhook>> Webhook::start(Options options) {
  options.settings.keep_injected = true;
  auto impl = std::make_unique<Impl>(std::move(options));
  auto certificate = http::Certificate::open(
      impl->options.certificate,
      {[] { return static_cast<std::int64_t>(std::time(nullptr)); }, impl->options.log});
  if (!certificate) return tl::unexpected(certificate.error());
  impl->certificate = *certificate;
  http::Options server;
  server.limits.body_bytes = kMostBytes;
  server.limits.connections = kMostConnections;
  server.certificate = impl->certificate;
  auto listening = http::Server::listen(impl->options.listen, std::move(server));
  if (!listening) return tl::unexpected(listening.error());
  impl->server = std::move(*listening);
  impl->server->start([self = impl.get()](const http::Request& request, const http::Reply& reply) {
    reply(self->answer(request));
  });
  return std::unique_ptr<Webhook>(new Webhook(std::move(impl)));
}

}  // namespace scanflow::webhook
