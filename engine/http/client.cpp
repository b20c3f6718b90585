#include "engine/http/client.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <limits>
#include <type_traits>

#include "engine/http/send_now.hpp"
#include "engine/http/time_limit.hpp"

namespace scanflow::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using std::chrono::milliseconds;
using Why = NoAnswer::Why;

constexpr std::uint64_t kReadBytes = 64u << 10;  // at once, at most

using Plain = beast::tcp_stream;
using Tls = beast::ssl_stream<beast::tcp_stream>;

std::string lower(beast::string_view text) {
  std::string made(text.data(), text.size());
  for (char& c : made) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return made;
}

template <class Wire>
class Connection final : public Client {
 public:
  /// `context`: of TLS.
  explicit Connection(const Peer& peer)
      : peer_(peer), stream_(make_stream(io_, peer)), time_(io_.get_executor(), [this] {
          late_ = true;
          tcp().close();
        }) {
    buffer_.reserve(kReadBytes);
  }

  Answered<void> open(milliseconds patience, const std::stop_token& stop) {
    const std::string& host = peer_.proxy ? peer_.proxy->host : peer_.host;
    const std::string& port = peer_.proxy ? peer_.proxy->port : peer_.port;
    asio::ip::tcp::resolver resolver(io_);
    asio::ip::tcp::resolver::results_type found;
    error_code error = within(patience, stop, [&](auto done) {
      resolver.async_resolve(host, port, [&found, done](error_code why, auto results) {
        found = std::move(results);
        done(why);
      });
    });
    if (error) return none(error, Why::name, patience, stop);
    error = within(patience, stop, [&](auto done) { tcp().async_connect(found, std::move(done)); });
    if (error) return none(error, Why::refused, patience, stop);
    tcp().socket().set_option(asio::ip::tcp::no_delay(true), error);
    tcp().socket().non_blocking(true, error);  // send_now
    if (peer_.proxy) {
      if (auto through = pass_proxy(patience, stop); !through) return through;
    }
    return shake_hands(patience, stop);
  }

  Answered<Head> ask(const Outgoing& outgoing, const std::stop_token& stop) override {
    beast::http::request<beast::http::empty_body> request(
        beast::http::string_to_verb(outgoing.method), outgoing.target, 11);
    request.set(beast::http::field::host, authority());
    for (const auto& [name, value] : outgoing.headers) request.set(name, value);
    if (!outgoing.body.empty() || outgoing.method == "POST" || outgoing.method == "PUT")
      request.content_length(outgoing.body.size());
    const milliseconds patience = outgoing.patience;
    keep_ = false;
    const error_code unsent = send(head_text(request), outgoing.body, patience, stop);
    // Who refuses what is too long does not read it all, and has answered.
    if (unsent == beast::error::timeout || stop.stop_requested())
      return none(unsent, Why::silent, patience, stop, true);
    parser_.emplace();
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
    const error_code unread = within(patience, stop, [&](auto done) {
      beast::http::async_read_header(stream_, buffer_, *parser_, std::move(done));
    });
    if (unread) {
      const bool early = unread == beast::http::error::end_of_stream;
      return none(unsent && early ? unsent : unread, Why::closed, patience, stop, true);
    }
    Head head{static_cast<int>(parser_->get().result_int()), {}};
    for (const auto& field : parser_->get())
      head.headers[lower(field.name_string())] = {field.value().data(), field.value().size()};
    keep_ = parser_->get().keep_alive() && !unsent;
    return head;
  }

  Answered<std::string> next(const std::stop_token& stop, milliseconds patience) override {
    while (!parser_->is_done()) {
      std::string piece(
          std::min(kReadBytes, parser_->content_length_remaining().value_or(kReadBytes)), '\0');
      parser_->get().body().data = piece.data();
      parser_->get().body().size = piece.size();
      const error_code error = read_piece(patience, stop);
      const std::size_t n = piece.size() - parser_->get().body().size;
      if (n > 0) {  // what is wrong comes again
        piece.resize(n);
        return piece;
      }
      if (error && error != beast::http::error::need_buffer) {
        keep_ = false;
        return none(error, Why::closed, patience, stop, true);
      }
    }
    return std::string();
  }

  bool reusable() const override { return keep_ && parser_->is_done(); }

 private:
  static constexpr bool kTls = std::is_same_v<Wire, Tls>;
  beast::tcp_stream& tcp() { return beast::get_lowest_layer(stream_); }

  static Wire make_stream(asio::io_context& io, const Peer& peer) {
    if constexpr (kTls) {
      SSL_CTX_up_ref(peer.context.get());
      asio::ssl::context context(peer.context.get());  // the stream keeps what it needs of it
      return Tls(beast::tcp_stream(io), context);
    } else {
      return beast::tcp_stream(io);
    }
  }

  error_code send(const std::string& head, const std::string& body, milliseconds patience,
                  const std::stop_token& stop) {
    Parts rest = {asio::buffer(head), asio::buffer(body)};
    if constexpr (!kTls) {
      const error_code error = send_now(tcp().socket(), rest);
      if (error || asio::buffer_size(rest) == 0) return error;
    }
    return within(patience, stop,
                  [&](auto done) { asio::async_write(stream_, rest_of(rest), std::move(done)); });
  }

  /// Of what came with the header already, if there is any.
  error_code read_piece(milliseconds patience, const std::stop_token& stop) {
    if (buffer_.size() > 0) {
      error_code error;
      buffer_.consume(parser_->put(buffer_.data(), error));
      if (error != beast::http::error::need_more) return error;
    }
    return within(patience, stop, [&](auto done) {
      beast::http::async_read_some(stream_, buffer_, *parser_, std::move(done));
    });
  }

  std::string authority() const {
    const bool v6 = peer_.host.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", v6 ? "[" : "", peer_.host, v6 ? "]" : "", peer_.port);
  }

  Answered<void> pass_proxy(milliseconds patience, const std::stop_token& stop) {
    beast::http::request<beast::http::empty_body> request(beast::http::verb::connect, authority(),
                                                          11);
    request.set(beast::http::field::host, authority());
    if (!peer_.proxy->authorization.empty())
      request.set(beast::http::field::proxy_authorization, peer_.proxy->authorization);
    error_code error = within(patience, stop, [&](auto done) {
      beast::http::async_write(tcp(), request, std::move(done));
    });
    beast::http::response_parser<beast::http::empty_body> parser;
    parser.skip(true);
    if (!error) {
      error = within(patience, stop, [&](auto done) {
        beast::http::async_read_header(tcp(), buffer_, parser, std::move(done));
      });
    }
    if (error) return none(error, Why::refused, patience, stop);
    if (parser.get().result_int() / 100 == 2) return {};
    return tl::unexpected(
        NoAnswer{Why::refused, fmt::format("the proxy {}:{} refuses: status {}", peer_.proxy->host,
                                           peer_.proxy->port, parser.get().result_int())});
  }

  Answered<void> shake_hands(milliseconds patience, const std::stop_token& stop) {
    if constexpr (kTls) {
      SSL* ssl = stream_.native_handle();
      const std::string& name = peer_.server_name.empty() ? peer_.host : peer_.server_name;
      error_code no_address;
      asio::ip::make_address(name, no_address);
      if (no_address) {
        SSL_set_tlsext_host_name(ssl, name.c_str());
        SSL_set1_host(ssl, name.c_str());
      } else {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
      }
      const error_code error = within(patience, stop, [&](auto done) {
        stream_.async_handshake(asio::ssl::stream_base::client, std::move(done));
      });
      if (!error) return {};
      const long verified = SSL_get_verify_result(ssl);
      if (verified != X509_V_OK) {
        return tl::unexpected(
            NoAnswer{Why::tls, fmt::format("its certificate is not believed: {}",
                                           X509_verify_cert_error_string(verified))});
      }
      return none(error, Why::tls, patience, stop);
    }
    return {};
  }

  /// Runs one operation to its end.
  template <class Start>
  error_code within(milliseconds limit, const std::stop_token& stop, Start start) {
    std::optional<error_code> result;
    late_ = false;
    time_.after(limit);
    const std::stop_callback on_stop(stop, [this] { asio::post(io_, [this] { tcp().close(); }); });
    start([&result](error_code error, auto&&...) { result = error; });
    io_.restart();
    while (!result && io_.run_one() > 0) {
    }
    time_.none();
    if (late_) return beast::error::timeout;
    return result.value_or(asio::error::operation_aborted);
  }

  static tl::unexpected<NoAnswer> none(error_code error, Why why, milliseconds limit,
                                       const std::stop_token& stop, bool sent = false) {
    if (stop.stop_requested())
      return tl::unexpected(NoAnswer{Why::stopped, "it was stopped", sent});
    if (error == beast::error::timeout) {
      return tl::unexpected(NoAnswer{
          Why::silent,
          fmt::format("nothing was heard for {:g} s", static_cast<double>(limit.count()) / 1000),
          sent});
    }
    // What a TLS alert says comes with the first read, where that is TLS 1.3. An end without one is an end.
    const bool alert =
        error.category() == asio::error::get_ssl_category() &&
        ERR_GET_REASON(static_cast<unsigned long>(error.value())) > SSL_AD_REASON_OFFSET;
    return tl::unexpected(NoAnswer{alert ? Why::tls : why, error.message(), sent});
  }

  const Peer peer_;
  asio::io_context io_;
  Wire stream_;
  TimeLimit time_;
  beast::flat_buffer buffer_;
  std::optional<beast::http::response_parser<beast::http::buffer_body>> parser_;
  bool keep_ = false, late_ = false;
};

template <class Wire>
Answered<std::unique_ptr<Client>> opened(const Peer& peer, milliseconds patience,
                                         const std::stop_token& stop) {
  auto made = std::make_unique<Connection<Wire>>(peer);
  if (auto there = made->open(patience, stop); !there) return tl::unexpected(there.error());
  return made;
}

}  // namespace

Answered<std::unique_ptr<Client>> Client::connect(const Peer& peer, milliseconds patience,
                                                  const std::stop_token& stop) {
  return peer.context ? opened<Tls>(peer, patience, stop) : opened<Plain>(peer, patience, stop);
}

Answered<std::string> Client::rest(std::size_t most_bytes, const std::stop_token& stop) {
  std::string body;
  for (;;) {
    auto piece = next(stop);
    if (!piece) return piece;
    if (piece->empty()) return body;
    body += *piece;
    if (body.size() > most_bytes) {
      return tl::unexpected(
          NoAnswer{Why::closed, fmt::format("its answer exceeds {} MiB", most_bytes >> 20), true});
    }
  }
}

std::string percent_encoded(std::string_view text) {
  std::string made;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    made += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return made;
}

}  // namespace scanflow::http
