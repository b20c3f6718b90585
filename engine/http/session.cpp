#include "engine/http/session.hpp"

#include <fmt/format.h>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "engine/http/client_ca.hpp"
#include "engine/http/download.hpp"
#include "engine/http/request_head.hpp"
#include "engine/http/send_now.hpp"
#include "engine/http/time_limit.hpp"
#include "engine/http/upload.hpp"

namespace scanflow::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

/// How long a client may take to close a connection that has ended.
constexpr std::chrono::seconds kLinger{2};

using Plain = beast::basic_stream<asio::generic::stream_protocol>;
using Tls = beast::ssl_stream<Plain>;

template <class Wire>
class Served : public Session, public std::enable_shared_from_this<Served<Wire>> {
 public:
  Served(Wire wire, Serving& serving)
      : stream_(std::move(wire)),
        heartbeat_(stream_.get_executor()),
        time_(stream_.get_executor(), [this] { close(); }),
        serving_(serving),
        limits_(serving.options.limits) {
    error_code ignored;
    this->wire().socket().non_blocking(true, ignored);  // send_now
  }

  ~Served() override { hold(0); }

  void start() override {
    idle_since_ = std::chrono::steady_clock::now();
    if constexpr (kTls) {
      limit(limits_.handshake);
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
    if (idle_since_) return close();
    if (!time_.is_set()) time_.stop();  // one that only waits to be set anew
  }

  std::optional<std::chrono::steady_clock::time_point> idle_since() const override {
    return idle_since_;
  }

  void close() override {
    idle_since_.reset();
    heartbeat_.cancel();
    time_.stop();
    answer_.reset();
    error_code ignored;
    wire().socket().shutdown(asio::socket_base::shutdown_both, ignored);
    wire().close();
  }

 private:
  static constexpr bool kTls = std::is_same_v<Wire, Tls>;
  Plain& wire() { return beast::get_lowest_layer(stream_); }
  /// Who asks over a Unix socket is trusted with our time.
  void limit(std::chrono::milliseconds time) {
    if (!serving_.local) time_.after(time);
  }

  // --- a request

  void read() {
    if (deaf_) return close();
    parser_.reset();
    head_parser_.emplace();
    head_parser_->header_limit(limits_.header_bytes);
    head_parser_->body_limit(std::numeric_limits<std::uint64_t>::max());  // until it is admitted
    idle_since_ = std::chrono::steady_clock::now();
    limit(limits_.idle);
    beast::http::async_read_header(
        stream_, buffer_, *head_parser_,
        [self = this->shared_from_this()](error_code error, std::size_t) {
          self->idle_since_.reset();
          self->on_header(error);
        });
  }

  void on_header(error_code error) {
    if (error) return on_bad_request(error);
    const auto& head = head_parser_->get();
    version_ = head.version();
    if (!kTls && !serving_.local && !serving_.options.open) {
      if (const std::string why = foreign(head); !why.empty()) return refuse_and_close(403, why);
    }
    keep_ = head.keep_alive() && !serving_.last;
    head_ = head.method() == beast::http::verb::head;
    request_ = request_of(head);
    if constexpr (kTls) request_.client = subject_of(stream_.native_handle());
    if (!parse_target(request_.target, request_))
      return refuse_and_close(400, "the target of the request is malformed");
    Admission admitted = serving_.admit ? serving_.admit(request_) : InMemory{};
    if (auto* answer = std::get_if<Response>(&admitted)) {
      keep_ = keep_ && head_parser_->is_done();  // else what follows is its body
      return send(std::move(*answer));
    }
    if (auto* to = std::get_if<SpoolTo>(&admitted)) return spool_body(*to);
    if (head_parser_->content_length().value_or(0) > limits_.body_bytes)
      return on_bad_request(beast::http::error::body_limit);
    go_on([](Served& self) { self.read_body(); });
  }

  /// Where the client waits for that before it sends the body.
  void go_on(void (*then)(Served&)) {
    limit(limits_.receive);
    const auto expected = head_parser_->get()[beast::http::field::expect];
    if (!beast::iequals(expected, "100-continue")) return then(*this);
    go_on_.emplace(beast::http::status::continue_, version_);
    beast::http::async_write(
        stream_, *go_on_, [self = this->shared_from_this(), then](error_code failed, std::size_t) {
          if (!failed) then(*self);
        });
  }

  void read_body() {
    parser_.emplace(std::move(*head_parser_));
    parser_->body_limit(limits_.body_bytes);  // of one that does not say how long it is
    if (!parser_->is_done()) buffer_.reserve(buffer_.max_size());  // as much is read at once
    read_more();
  }

  /// Piece by piece: what all connections have in memory counts when it is there, not when a client
  /// says that it will come.
  void read_more() {
    while (!parser_->is_done() && buffer_.size() > 0) {  // it came with the header
      error_code error;
      buffer_.consume(parser_->put(buffer_.data(), error));
      if (error == beast::http::error::need_more) break;
      if (!take_piece(error)) return;
    }
    if (parser_->is_done()) {
      request_.body = std::move(parser_->get().body());
      return handle();
    }
    beast::http::async_read_some(stream_, buffer_, *parser_,
                                 [self = this->shared_from_this()](error_code error, std::size_t) {
                                   if (self->take_piece(error)) self->read_more();
                                 });
  }

  /// False: it was the last.
  bool take_piece(error_code error) {
    if (error) {
      on_bad_request(error);
    } else if (!hold(parser_->get().body().size())) {
      refuse_and_close(503,
                       "the server holds as many requests as it has memory for; try again later");
    } else {
      return true;
    }
    return false;
  }

  /// So many bytes of this connection's request are in memory now. False: all have too many.
  bool hold(std::size_t bytes) {
    serving_.held_bytes += bytes - held_bytes_;
    held_bytes_ = bytes;
    return serving_.held_bytes <= limits_.all_bodies_bytes;
  }

  void spool_body(const SpoolTo& to) {
    std::optional<std::uint64_t> claimed;
    if (const auto length = head_parser_->content_length()) claimed = *length;
    time_.none();
    on_disk(
        serving_.disk, stream_.get_executor(), [to, claimed] { return Spool::open(to, claimed); },
        [self = this->shared_from_this(), to](Taken<std::shared_ptr<Spool>> spool) {
          self->refuse_body_ = to.refuse;
          if (!spool) return self->on_spooled({}, tl::unexpected(std::move(spool.error())));
          self->spool_ = std::move(*spool);
          self->go_on([](Served& served) { served.upload(); });
        });
  }

  void upload() {
    time_.none();  // each piece has its own
    const auto upload = std::make_shared<Upload<Wire>>(
        stream_, buffer_, std::move(*head_parser_), serving_,
        [self = this->shared_from_this()](error_code error, auto taken) {
          self->on_spooled(error, std::move(taken));
        });
    upload->start(std::move(spool_));
  }

  void on_spooled(error_code error, Taken<std::shared_ptr<const BodyFile>> taken) {
    if (error) return on_bad_request(error);
    if (!taken) {
      keep_ = false;
      return send(refuse_body_(taken.error().status, taken.error().message));
    }
    request_.body_file = std::move(*taken);
    handle();
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
    time_.none();
    try {
      call_handler();
    } catch (const std::exception& error) {  // of one request: the others go on
      refuse_and_close(500, std::string("the server failed: ") + error.what());
    }
  }

  void call_handler() {
    serving_.handler(std::move(request_), [self = this->shared_from_this()](Response response) {
      asio::dispatch(
          self->stream_.get_executor(),
          [self, response = std::move(response)]() mutable { self->send(std::move(response)); });
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
    const auto& refusal = serving_.options.refusal;
    send(refusal ? refusal(status, message) : refuse(status, 2, message));
  }

  void send(Response response) {
    if (response.stream) return send_stream(std::move(response));
    if (response.file) return send_file(std::move(response));
    beast::http::response<beast::http::empty_body> header(
        static_cast<beast::http::status>(response.status), version_);
    set_header(header, response);
    header.content_length(response.body.size());
    if (head_) response.body.clear();
    write_whole(std::make_shared<const std::array<std::string, 2>>(
        std::array{head_text(header), std::move(response.body)}));
  }

  void write_whole(const std::shared_ptr<const std::array<std::string, 2>>& message) {
    Parts rest = {asio::buffer((*message)[0]), asio::buffer((*message)[1])};
    if constexpr (!kTls) {
      const error_code error = send_now(wire().socket(), rest);
      if (error || asio::buffer_size(rest) == 0) return on_answered(!error);
    }
    limit(limits_.send);
    asio::async_write(stream_, rest_of(rest),
                      [self = this->shared_from_this(), message](error_code error, std::size_t) {
                        self->on_answered(!error);
                      });
  }

  // --- an answer that is a file

  void send_file(Response response) {
    header_.emplace(static_cast<beast::http::status>(response.status), version_);
    set_header(*header_, response);
    header_->content_length(response.file->bytes);
    header_writer_.emplace(*header_);
    limit(limits_.send);
    beast::http::async_write_header(
        stream_, *header_writer_,
        [self = this->shared_from_this(), part = std::move(*response.file)](error_code error,
                                                                            std::size_t) mutable {
          if (error) return self->close();
          self->time_.none();  // each piece has its own
          if (self->head_) part.bytes = 0;
          const auto download = std::make_shared<Download<Wire>>(
              self->stream_, std::move(part), self->serving_, [self](bool whole) {
                self->wire().expires_never();
                self->on_answered(whole);
              });
          download->next();
        });
  }

  void on_answered(bool whole) {
    hold(0);
    if (!whole) return close();
    if (!keep_) return finish();
    read();
  }

  // --- an answer in pieces; the connection ends with it

  void send_stream(Response response) {
    keep_ = false;
    answer_ = std::move(response.stream);
    header_.emplace(static_cast<beast::http::status>(response.status), version_);
    set_header(*header_, response);
    header_->chunked(version_ >= 11);
    header_writer_.emplace(*header_);
    limit(limits_.send);
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
    time_.none();
    drain();
  }

  /// Until the client closes, or the time is over; of TLS what is under it, which nobody reads.
  void drain() {
    wire().async_read_some(asio::buffer(ignored_),
                           [self = this->shared_from_this()](error_code error, std::size_t) {
                             if (error) return self->close();
                             self->drain();
                           });
  }

  /// All is said. What it still sends is read for a moment: else the kernel would tear the
  /// connection down, and our last words with it.
  void finish() {
    error_code ignored;
    wire().socket().shutdown(asio::socket_base::shutdown_send, ignored);
    heartbeat_.expires_after(kLinger);
    heartbeat_.async_wait([self = this->shared_from_this()](error_code error) {
      if (!error) self->close();
    });
    time_.none();
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
      self->time_.none();
      // What was sent may have been taken by the kernel after the client was seen to be gone.
      if (error || !self->answer_) return self->close();
      if (last) return self->finish();
      if (!is_heartbeat) return self->ask();
      if (self->held_) return self->write(*std::exchange(self->held_, std::nullopt), false);
      self->wait_for_heartbeat();
    };
    limit(limits_.send);
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
  TimeLimit time_;
  Serving& serving_;
  const Limits& limits_;
  beast::flat_buffer buffer_{64u << 10};  // header and what is read of a body at once, at most
  std::optional<beast::http::request_parser<beast::http::empty_body>> head_parser_;
  std::optional<beast::http::request_parser<beast::http::string_body>> parser_;
  Request request_;  // that is being read
  std::size_t held_bytes_ = 0;
  std::shared_ptr<Spool> spool_;
  std::function<Response(int status, const std::string& message)> refuse_body_;
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

std::shared_ptr<Session> Session::make(asio::generic::stream_protocol::socket socket,
                                       Serving& serving) {
  const Options& options = serving.options;
  Plain plain(std::move(socket));
  if (!options.certificate) return std::make_shared<Served<Plain>>(std::move(plain), serving);
  SSL_CTX* shared = options.certificate->current().context.get();
  SSL_CTX_up_ref(shared);
  asio::ssl::context context(shared);  // the stream keeps what it needs of it
  Tls tls(std::move(plain), context);
  if (options.client_ca) options.client_ca->ask_of(tls.native_handle());
  return std::make_shared<Served<Tls>>(std::move(tls), serving);
}

}  // namespace scanflow::http
