#include "engine/api/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stop_token>
#include <utility>

#include "engine/http/client.hpp"
#include "engine/http/url.hpp"

namespace scanflow::api {
namespace {

using http::NoAnswer;
using std::chrono::milliseconds;

std::string seconds(milliseconds time) {
  return fmt::format("{:g} s", static_cast<double>(time.count()) / 1000);
}

class Connected : public HttpClient::Reading {
 public:
  /// `name`: of the server and the request, in errors.
  explicit Connected(std::string name) : name_(std::move(name)) {}

  Result<void> connect(const std::string& url, const http::Peer& peer, milliseconds patience) {
    auto connected = http::Client::connect(peer, patience);
    if (connected) {
      client_ = std::move(*connected);
      return {};
    }
    const NoAnswer& none = connected.error();
    const bool late = none.why == NoAnswer::Why::silent;
    return fail(
        fmt::format("cannot reach the server at {}: {} ('scanflow server' starts one; --server and "
                    "$SCANFLOW_SERVER say where it is)",
                    url, late ? "no connection within " + seconds(patience) : none.message));
  }

  /// Sends the request, and reads the header of the answer.
  Result<void> ask(const HttpClient::Ask& ask, milliseconds silence) {
    http::Outgoing outgoing{ask.method,
                            ask.target,
                            {{"Accept", ask.accept}, {"Connection", "close"}},
                            ask.body,
                            std::max(ask.patience, silence)};
    if (ask.method == "POST") outgoing.headers.emplace_back("Content-Type", "application/json");
    const auto head = client_->ask(outgoing, stop_.get_token());
    if (!head) return went_away(head.error(), outgoing.patience);
    status_ = head->status;
    silence_ = silence;
    return {};
  }

  int status() const override { return status_; }

  Result<std::string> next() override {
    auto piece = client_->next(stop_.get_token(), silence_);
    if (!piece) return went_away(piece.error(), silence_);
    return std::move(*piece);
  }

  void cancel() override { stop_.request_stop(); }

 private:
  tl::unexpected<Error> went_away(const NoAnswer& none, milliseconds limit) const {
    if (none.why != NoAnswer::Why::silent)
      return fail(
          fmt::format("{} went away: {} (ask again; its log may say why)", name_, none.message));
    return fail(
        fmt::format("{} has said nothing for {}: it hangs, or has too much to do (its log may say "
                    "why; --server-timeout waits longer)",
                    name_, seconds(limit)));
  }

  const std::string name_;
  std::stop_source stop_;
  std::unique_ptr<http::Client> client_;
  int status_ = 0;
  milliseconds silence_{};
};

}  // namespace

Result<HttpClient> HttpClient::to(const std::string& url, ClientLimits limits) {
  auto parsed = http::parse_url(url);
  if (!parsed || parsed->tls || !parsed->path.empty() || !parsed->user.empty()) {
    return fail(
        fmt::format("--server: '{}' is not the address of a server: http://127.0.0.1:8420 "
                    "is one",
                    url));
  }
  return HttpClient(url, std::move(parsed->host), std::move(parsed->port), limits);
}

Result<std::unique_ptr<HttpClient::Reading>> HttpClient::open(const Ask& ask) const {
  if (ask.patience > limits_.silence) {
    const auto alive = request({.target = "/healthz"});
    if (!alive) return tl::unexpected(alive.error());
  }
  auto connected = std::make_unique<Connected>(fmt::format(
      "the server at {} ({} {})", url_, ask.method, ask.target.substr(0, ask.target.find('?'))));
  if (auto there = connected->connect(url_, {.host = host_, .port = port_}, limits_.connect);
      !there)
    return tl::unexpected(there.error());
  if (auto asked = connected->ask(ask, limits_.silence); !asked)
    return tl::unexpected(asked.error());
  return connected;
}

Result<std::string> rest_of(HttpClient::Reading& reading) {
  std::string body;
  for (;;) {
    auto piece = reading.next();
    if (!piece) return piece;
    if (piece->empty()) return body;
    body += *piece;
  }
}

Result<HttpReply> HttpClient::request(const Ask& ask) const {
  auto reading = open(ask);
  if (!reading) return tl::unexpected(reading.error());
  auto body = rest_of(**reading);
  if (!body) return tl::unexpected(body.error());
  return HttpReply{(*reading)->status(), std::move(*body)};
}

Failure failure_of(int status, const std::string& body) {
  const json document = json::parse(body, nullptr, false);
  const json error = document.is_object() ? document.value("error", json()) : json();
  if (error.is_object() && error.value("message", json()).is_string())
    return {status, document.value("exit", 3), error.at("message")};
  if (document.is_object() && document.value("message", json()).is_string())  // of the tracker
    return {status, status < 500 ? 2 : 3, document.at("message")};
  return {status, 3, fmt::format("the server answered with status {}, and no reason", status)};
}

std::string not_ours(const std::string& url) {
  return fmt::format("{} does not answer as a Scanflow server does (--server says where it is)",
                     url);
}

Answer<json> HttpClient::json_of(const Ask& ask) const {
  const auto reply = request(ask);
  if (!reply) return broken(reply.error().message);
  if (reply->status / 100 != 2) return tl::unexpected(failure_of(reply->status, reply->body));
  json document = json::parse(reply->body, nullptr, false);
  if (document.is_discarded()) return broken(not_ours(url_));
  return document;
}

}  // namespace scanflow::api
