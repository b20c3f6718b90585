#include "engine/api/client.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
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

class Connected : public HttpClient::Reading {
 public:
  error_code connect(const std::string& host, const std::string& port) {
    error_code error;
    asio::ip::tcp::resolver resolver(io_);
    const auto found = resolver.resolve(host, port, error);
    if (!error) asio::connect(socket_, found, error);
    return error;
  }

  /// Sends the request, and reads the header of the answer.
  error_code ask(const HttpClient::Ask& ask, const std::string& host) {
    http::request<http::string_body> request(http::string_to_verb(ask.method), ask.target, 11);
    request.set(http::field::host, host);
    request.set(http::field::accept, ask.accept);
    request.set(http::field::connection, "close");
    if (ask.method == "POST") request.set(http::field::content_type, "application/json");
    request.body() = ask.body;
    request.prepare_payload();
    error_code error;
    http::write(socket_, request, error);
    // A server that refuses what is too long does not read it all, and has answered.
    error_code refused;
    parser_.body_limit(std::numeric_limits<std::uint64_t>::max());
    http::read_header(socket_, buffer_, parser_, refused);
    return refused ? (error ? error : refused) : error_code();
  }

  int status() const override { return parser_.get().result_int(); }

  std::string next() override {
    std::string piece(1 << 16, '\0');
    while (!parser_.is_done()) {
      parser_.get().body().data = piece.data();
      parser_.get().body().size = piece.size();
      error_code error;
      http::read_some(socket_, buffer_, parser_, error);
      const std::size_t n = piece.size() - parser_.get().body().size;
      if (n > 0) {
        piece.resize(n);
        return piece;
      }
      if (error && error != http::error::need_buffer) return {};
    }
    return {};
  }

  void cancel() override { ::shutdown(socket_.native_handle(), SHUT_RDWR); }

 private:
  asio::io_context io_;
  asio::ip::tcp::socket socket_{io_};
  beast::flat_buffer buffer_;
  http::response_parser<http::buffer_body> parser_;
};

}  // namespace

Result<HttpClient> HttpClient::to(const std::string& url) {
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
  return HttpClient(url, std::move(host), std::move(port));
}

Result<std::unique_ptr<HttpClient::Reading>> HttpClient::open(const Ask& ask) const {
  auto connected = std::make_unique<Connected>();
  if (const error_code error = connected->connect(host_, port_)) {
    return fail(fmt::format("cannot reach the server at {}: {} ('scanflow server' starts one)",
                            url_, error.message()));
  }
  const std::string host = host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]";
  if (const error_code error = connected->ask(ask, host + ":" + port_))
    return fail(fmt::format("the server at {} went away: {}", url_, error.message()));
  return connected;
}

Result<HttpReply> HttpClient::request(const Ask& ask) const {
  auto reading = open(ask);
  if (!reading) return tl::unexpected(reading.error());
  HttpReply reply{(*reading)->status(), {}};
  for (std::string piece = (*reading)->next(); !piece.empty(); piece = (*reading)->next())
    reply.body += piece;
  return reply;
}

Failure failure_of(int status, const std::string& body) {
  const json document = json::parse(body, nullptr, false);
  const json error = document.is_object() ? document.value("error", json()) : json();
  if (error.is_object() && error.value("message", json()).is_string())
    return {status, document.value("exit", 3), error.at("message")};
  return {status, 3, fmt::format("the server answered with status {}, and no reason", status)};
}

Answer<json> HttpClient::json_of(const Ask& ask) const {
  const auto reply = request(ask);
  if (!reply) return broken(reply.error().message);
  if (reply->status / 100 != 2) return tl::unexpected(failure_of(reply->status, reply->body));
  json document = json::parse(reply->body, nullptr, false);
  if (document.is_discarded())
    return broken(fmt::format("{} does not answer as a Scanflow server does", url_));
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
