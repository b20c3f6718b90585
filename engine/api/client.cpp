#include "engine/api/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <limits>
#include <utility>

namespace scanflow::api {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

using std::chrono::milliseconds;

std::string seconds(milliseconds time) {
  return fmt::format("{:g} s", static_cast<double>(time.count()) / 1000);
}

class Connected : public HttpClient::Reading {
 public:
  /// `name`: of the server and the request, in errors.
  Connected(std::string name, ClientLimits limits) : name_(std::move(name)), limits_(limits) {}

  Result<void> connect(const std::string& url, const std::string& host, const std::string& port) {
    error_code error;
    asio::ip::tcp::resolver resolver(io_);
    const auto found = resolver.resolve(host, port, error);
    if (!error) {
      error = within(limits_.connect,
                     [&](auto done) { stream_.async_connect(found, std::move(done)); });
    }
    if (!error) return {};
    const bool late = error == beast::error::timeout;
    return fail(fmt::format(
        "cannot reach the server at {}: {} ('scanflow server' starts one; --server and "
        "$SCANFLOW_SERVER say where it is)",
        url, late ? "no connection within " + seconds(limits_.connect) : error.message()));
  }

  /// Sends the request, and reads the header of the answer.
  Result<void> ask(const HttpClient::Ask& ask, const std::string& host) {
    http::request<http::string_body> request(http::string_to_verb(ask.method), ask.target, 11);
    request.set(http::field::host, host);
    request.set(http::field::accept, ask.accept);
    request.set(http::field::connection, "close");
    if (ask.method == "POST") request.set(http::field::content_type, "application/json");
    request.body() = ask.body;
    request.prepare_payload();
    const error_code unsent = within(
        limits_.silence, [&](auto done) { http::async_write(stream_, request, std::move(done)); });
    // A server that refuses what is too long does not read it all, and has answered.
    parser_.body_limit(std::numeric_limits<std::uint64_t>::max());
    const milliseconds patience = std::max(ask.patience, limits_.silence);
    const error_code unread =
        unsent == beast::error::timeout ? unsent : within(patience, [&](auto done) {
          http::async_read_header(stream_, buffer_, parser_, std::move(done));
        });
    if (!unread) return {};
    return went_away(unsent ? unsent : unread, patience);
  }

  int status() const override { return parser_.get().result_int(); }

  Result<std::string> next() override {
    std::string piece(1 << 16, '\0');
    while (!parser_.is_done()) {
      parser_.get().body().data = piece.data();
      parser_.get().body().size = piece.size();
      const error_code error = within(limits_.silence, [&](auto done) {
        http::async_read_some(stream_, buffer_, parser_, std::move(done));
      });
      const std::size_t n = piece.size() - parser_.get().body().size;
      if (n > 0) {  // what is wrong comes again
        piece.resize(n);
        return piece;
      }
      if (error && error != http::error::need_buffer) return went_away(error, limits_.silence);
    }
    return std::string();
  }

  void cancel() override {
    asio::post(io_, [this] { stream_.close(); });
  }

 private:
  /// Runs one operation to its end.
  template <class Start>
  error_code within(milliseconds limit, Start start) {
    error_code result;
    stream_.expires_after(limit);
    start([&result](error_code error, auto&&...) { result = error; });
    io_.restart();
    io_.run();
    return result;
  }

  tl::unexpected<Error> went_away(error_code error, milliseconds limit) const {
    if (error != beast::error::timeout)
      return fail(
          fmt::format("{} went away: {} (ask again; its log may say why)", name_, error.message()));
    return fail(
        fmt::format("{} has said nothing for {}: it hangs, or has too much to do (its log may say "
                    "why; --server-timeout waits longer)",
                    name_, seconds(limit)));
  }

  const std::string name_;
  const ClientLimits limits_;
  asio::io_context io_;
  beast::tcp_stream stream_{io_};
  beast::flat_buffer buffer_;
  http::response_parser<http::buffer_body> parser_;
};

}  // namespace

Result<HttpClient> HttpClient::to(const std::string& url, ClientLimits limits) {
  constexpr std::string_view kScheme = "http://";
  const auto refuse = [&] {
    return fail(
        fmt::format("--server: '{}' is not the address of a server: http://127.0.0.1:8420 "
                    "is one",
                    url));
  };
  if (!url.starts_with(kScheme)) return refuse();
  std::string host = url.substr(kScheme.size());
  while (host.ends_with('/')) host.pop_back();
  std::string port = "80";
  const std::size_t colon = host.rfind(':');
  if (colon != std::string::npos && host.find(']', colon) == std::string::npos) {
    port = host.substr(colon + 1);
    host.resize(colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty() || port.empty() || port.find_first_not_of("0123456789") != std::string::npos ||
      host.find_first_of("/?#@") != std::string::npos)
    return refuse();
  return HttpClient(url, std::move(host), std::move(port), limits);
}

Result<std::unique_ptr<HttpClient::Reading>> HttpClient::open(const Ask& ask) const {
  if (ask.patience > limits_.silence) {
    const auto alive = request({.target = "/healthz"});
    if (!alive) return tl::unexpected(alive.error());
  }
  auto connected =
      std::make_unique<Connected>(fmt::format("the server at {} ({} {})", url_, ask.method,
                                              ask.target.substr(0, ask.target.find('?'))),
                                  limits_);
  if (auto there = connected->connect(url_, host_, port_); !there)
    return tl::unexpected(there.error());
  const std::string host = host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]";
  if (auto asked = connected->ask(ask, host + ":" + port_); !asked)
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

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace scanflow::api
