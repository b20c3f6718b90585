#include "engine/http/session.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "engine/http/client_ca.hpp"

namespace scanflow::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

std::string text(beast::string_view view) { return {view.data(), view.size()}; }

/// Where a browser says that another site makes it ask; such a page must not drive this engine.
bool is_cross_origin(const beast::http::request<beast::http::string_body>& request) {
  const auto origin = request.find(beast::http::field::origin);
  if (origin == request.end()) return false;
  const std::string own = "http://" + std::string(request[beast::http::field::host]);
  return std::string_view(origin->value().data(), origin->value().size()) != own;
}

/// Why it is not for this machine's own; "" where it is.
std::string foreign(const beast::http::request<beast::http::string_body>& request) {
  const std::string host = text(request[beast::http::field::host]);
  if (!is_loopback_host(host)) {
    return fmt::format(
        "the host '{}' is not this machine's loopback address; ask for http://127.0.0.1 or "
        "http://localhost",
        host.substr(0, 100));
  }
  return is_cross_origin(request) ? "pages of other sites may not use this server" : "";
}

/// How long a client may take to close a connection that has ended.
constexpr std::chrono::seconds kLinger{2};

using Plain = beast::tcp_stream;
using Tls = beast::ssl_stream<beast::tcp_stream>;

template <class Wire>
class Served : public Session, public std::enable_shared_from_this<Served<Wire>> {
 public:
  Served(Wire wire, const Handler& handler, const Limits& limits)
      : stream_(std::move(wire)),
        heartbeat_(stream_.get_executor()),
        handler_(handler),
        limits_(limits) {}

  void start() override {
    idle_since_ = std::chrono::steady_clock::now();
    if constexpr (kTls) {
      tcp().expires_after(limits_.handshake);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](error_code error) {
                                if (error) return self->close();
                                self->read();
                              });
    } else {
      read();
    }
  }

  void turn_away() override {
    if constexpr (kTls) return close();  // a handshake is what there is no room for
    version_ = 11;
    refuse_and_close(
        503, fmt::format("{} connections are open already; try again later", limits_.connections));
  }

  void hear_no_more() override {
    deaf_ = true;
    if (idle_since_) close();
  }

  std::optional<std::chrono::steady_clock::time_point> idle_since() const override {
    return idle_since_;
  }

  void close() override {
    idle_since_.reset();
    heartbeat_.cancel();
    answer_.reset();
    error_code ignored;
    tcp().socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    tcp().close();
  }

 private:
  static constexpr bool kTls = std::is_same_v<Wire, Tls>;
  beast::tcp_stream& tcp() { return beast::get_lowest_layer(stream_); }

  // --- a request

  void read() {
    if (deaf_) return close();
    parser_.emplace();
    parser_->header_limit(limits_.header_bytes);
    parser_->body_limit(limits_.body_bytes);
    idle_since_ = std::chrono::steady_clock::now();
    tcp().expires_after(limits_.idle);
    beast::http::async_read_header(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](error_code error, std::size_t) {
          self->idle_since_.reset();
          self->on_header(error);
        });
  }

  void on_header(error_code error) {
    if (error) return on_bad_request(error);
    const auto& request = parser_->get();
    version_ = request.version();
    if constexpr (!kTls) {
      if (const std::string why = foreign(request); !why.empty()) return refuse_and_close(403, why);
    }
    tcp().expires_after(limits_.receive);
    if (!beast::iequals(request[beast::http::field::expect], "100-continue")) return read_body();
    go_on_.emplace(beast::http::status::continue_, version_);
    beast::http::async_write(stream_, *go_on_,
                             [self = this->shared_from_this()](error_code failed, std::size_t) {
                               if (!failed) self->read_body();
                             });
  }

  void read_body() {
    beast::http::async_read(stream_, buffer_, *parser_,
                            [self = this->shared_from_this()](error_code error, std::size_t) {
                              if (error) return self->on_bad_request(error);
                              self->handle();
                            });
  }

  void on_bad_request(error_code error) {
    version_ = 11;
    if (error == beast::http::error::header_limit)
      return refuse_and_close(431,
                              fmt::format("the header exceeds {} bytes", limits_.header_bytes));
    if (error == beast::http::error::body_limit) {
      return refuse_and_close(413,
                              fmt::format("the body exceeds {} MiB", limits_.body_bytes >> 20));
    }
    const bool ours =
        error.category() == make_error_code(beast::http::error::bad_method).category();
    if (!ours || error == beast::http::error::end_of_stream ||
        error == beast::http::error::partial_message)
      return close();
    refuse_and_close(400, "this is not HTTP/1.1: " + error.message());
  }

  void handle() {
    if (deaf_) return close();
    auto message = parser_->release();
    keep_ = message.keep_alive();
    head_ = message.method() == beast::http::verb::head;
    Request request;
    request.method = head_ ? "GET" : text(message.method_string());
    if (!parse_target(text(message.target()), request))
      return refuse_and_close(400, "the target of the request is malformed");
    request.content_type = text(message[beast::http::field::content_type]);
    request.accept = text(message[beast::http::field::accept]);
    request.last_event_id = text(message["Last-Event-ID"]);
    request.authorization = text(message[beast::http::field::authorization]);
    if constexpr (kTls) request.client = subject_of(stream_.native_handle());
    request.body = std::move(message.body());
    handler_(std::move(request), [self = this->shared_from_this()](Response response) {
      asio::post(self->stream_.get_executor(), [self, response = std::move(response)]() mutable {
        self->send(std::move(response));
      });
    });
  }

  // --- its answer

  template <class Message>
  void set_header(Message& message, const Response& response) const {
    message.set(beast::http::field::content_type, response.content_type);
    message.set("X-Content-Type-Options", "nosniff");
    message.set(beast::http::field::cache_control, "no-store");
    for (const auto& [name, value] : response.headers) message.set(name, value);
    message.keep_alive(keep_);
  }

  void refuse_and_close(int status, const std::string& message) {
    keep_ = false;
    send(refuse(status, 2, message));
  }

  void send(Response response) {
    if (response.stream) return send_stream(std::move(response));
    auto message = std::make_shared<beast::http::response<beast::http::string_body>>(
        static_cast<beast::http::status>(response.status), version_);
    set_header(*message, response);
    message->body() = std::move(response.body);
    message->prepare_payload();
    if (head_) message->body().clear();
    tcp().expires_after(limits_.send);
    beast::http::async_write(
        stream_, *message,
        [self = this->shared_from_this(), message](error_code error, std::size_t) {
          if (error) return self->close();
          if (!self->keep_) return self->finish();
          self->read();
        });
  }

  // --- an answer in pieces; the connection ends with it

  void send_stream(Response response) {
    keep_ = false;
    answer_ = std::move(response.stream);
    header_.emplace(static_cast<beast::http::status>(response.status), version_);
    set_header(*header_, response);
    header_->chunked(version_ >= 11);
    header_writer_.emplace(*header_);
    tcp().expires_after(limits_.send);
    beast::http::async_write_header(
        stream_, *header_writer_, [self = this->shared_from_this()](error_code error, std::size_t) {
          if (error || self->head_) return self->close();
          self->watch();
          self->ask();
        });
  }

  /// Nothing more is expected of the client but its going away.
  void watch() {
    watching_ = true;
    tcp().expires_never();
    drain();
  }

  /// Until the client closes, or the time is over; of TLS what is under it, which nobody reads.
  void drain() {
    tcp().async_read_some(asio::buffer(ignored_),
                          [self = this->shared_from_this()](error_code error, std::size_t) {
                            if (error) return self->close();
                            self->drain();
                          });
  }

  /// All is said. What it still sends is read for a moment: else the kernel would tear the
  /// connection down, and our last words with it.
  void finish() {
    error_code ignored;
    tcp().socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    heartbeat_.expires_after(kLinger);
    heartbeat_.async_wait([self = this->shared_from_this()](error_code error) {
      if (!error) self->close();
    });
    tcp().expires_after(kLinger);
    if (!watching_) drain();
  }

  void ask() {
    answer_->next(
        [weak = this->weak_from_this(), executor = stream_.get_executor()](std::string piece) {
          asio::post(executor, [weak, piece = std::move(piece)]() mutable {
            if (const auto self = weak.lock()) self->on_piece(std::move(piece));
          });
        });
    wait_for_heartbeat();
  }

  void wait_for_heartbeat() {
    if (answer_->heartbeat().empty()) return;
    heartbeat_.expires_after(limits_.heartbeat);
    heartbeat_.async_wait([self = this->shared_from_this()](error_code error) {
      if (error || self->writing_ || !self->answer_) return;
      self->write(self->answer_->heartbeat(), true);
    });
  }

  void on_piece(std::string piece) {
    heartbeat_.cancel();
    if (writing_) {  // a heartbeat
      held_ = std::move(piece);
    } else {
      write(std::move(piece), false);
    }
  }

  void write(std::string piece, bool is_heartbeat) {
    if (!answer_) return;
    writing_ = true;
    piece_ = std::move(piece);
    const bool last = piece_.empty();
    auto on_written = [self = this->shared_from_this(), last, is_heartbeat](error_code error,
                                                                            std::size_t) {
      self->writing_ = false;
      // What was sent may have been taken by the kernel after the client was seen to be gone.
      if (error || !self->answer_) return self->close();
      if (last) return self->finish();
      if (!is_heartbeat) return self->ask();
      if (self->held_) return self->write(*std::exchange(self->held_, std::nullopt), false);
      self->wait_for_heartbeat();
    };
    tcp().expires_after(limits_.send);
    if (version_ < 11) {
      asio::async_write(stream_, asio::buffer(piece_), std::move(on_written));
    } else if (last) {
      asio::async_write(stream_, beast::http::make_chunk_last(), std::move(on_written));
    } else {
      asio::async_write(stream_, beast::http::make_chunk(asio::buffer(piece_)),
                        std::move(on_written));
    }
  }

  Wire stream_;
  asio::steady_timer heartbeat_;
  const Handler& handler_;
  const Limits& limits_;
  beast::flat_buffer buffer_{64u << 10};  // header and what is read of a body at once, at most
  std::optional<beast::http::request_parser<beast::http::string_body>> parser_;
  std::optional<beast::http::response<beast::http::empty_body>> go_on_, header_;
  std::optional<beast::http::response_serializer<beast::http::empty_body>> header_writer_;
  unsigned version_ = 11;
  bool keep_ = false, head_ = false, deaf_ = false, writing_ = false;
  bool watching_ = false;
  std::optional<std::chrono::steady_clock::time_point> idle_since_;
  std::shared_ptr<Stream> answer_;
  std::string piece_;
  std::optional<std::string> held_;
  std::array<char, 512> ignored_{};
};

}  // namespace

std::shared_ptr<Session> Session::make(asio::ip::tcp::socket socket, const Handler& handler,
                                       const Options& options) {
  Plain plain(std::move(socket));
  if (!options.certificate)
    return std::make_shared<Served<Plain>>(std::move(plain), handler, options.limits);
  SSL_CTX* shared = options.certificate->current().context.get();
  SSL_CTX_up_ref(shared);
  asio::ssl::context context(shared);  // the stream keeps what it needs of it
  Tls tls(std::move(plain), context);
  if (options.client_ca) options.client_ca->ask_of(tls.native_handle());
  return std::make_shared<Served<Tls>>(std::move(tls), handler, options.limits);
}

}  // namespace scanflow::http
