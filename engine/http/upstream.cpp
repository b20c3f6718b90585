#include "engine/http/upstream.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <set>

#include "engine/http/send_now.hpp"
#include "engine/http/server_impl.hpp"
#include "engine/http/time_limit.hpp"

namespace scanflow::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

constexpr std::size_t kIdleConnections = 64;
constexpr std::size_t kUpstreamBytes = 16u << 10;  // of an answer at once

NotReached not_reached(error_code error) {
  namespace errc = boost::system::errc;
  const bool of_http =
      error.category() == make_error_code(beast::http::error::bad_version).category() &&
      error != beast::http::error::end_of_stream && error != beast::http::error::partial_message;
  if (of_http || error == errc::too_many_files_open || error == errc::too_many_files_open_in_system)
    return {NotReached::Why::unusable, error.message()};
  const bool refused = error == asio::error::connection_refused ||
                       error == boost::system::errc::no_such_file_or_directory;
  return {refused ? NotReached::Why::refused : NotReached::Why::closed, error.message()};
}

std::string copied(beast::string_view view) { return {view.data(), view.size()}; }

/// One connection, and the request that is on it.
class OnwardConnection : public std::enable_shared_from_this<OnwardConnection> {
 public:
  using Socket =
      asio::basic_stream_socket<asio::local::stream_protocol, asio::io_context::executor_type>;
  using Parser = beast::http::response_parser<beast::http::string_body>;

  OnwardConnection(asio::io_context& io, std::uint64_t most_body_bytes)
      : socket_(io),
        deadline_(io.get_executor(), [this] { expire(); }),
        most_body_bytes_(most_body_bytes) {
    buffer_.reserve(kUpstreamBytes);
  }

  void ask(const std::string& path, const Onward& request,
           std::chrono::steady_clock::time_point deadline, Upstream::Then then) {
    body_ = request.body;
    then_ = std::move(then);
    fill(request);
    deadline_.at(deadline);
    if (opened_) return write();
    socket_.async_connect(asio::local::stream_protocol::endpoint(path),
                          [self = shared_from_this()](error_code error) {
                            if (!error) self->socket_.non_blocking(true, error);
                            if (error) return self->end(error);
                            self->opened_ = true;
                            self->write();
                          });
  }

  void close() {
    error_code ignored;
    socket_.close(ignored);
  }

  /// Called with the connection once it has nothing to do any more.
  std::function<void(const std::shared_ptr<OnwardConnection>&, bool reusable)> on_free;

 private:
  void fill(const Onward& request) {
    beast::http::request<beast::http::empty_body> message;
    message.method_string(request.method);
    message.target(request.target);
    for (const auto& [name, value] : request.headers) message.insert(name, value);
    // As Beast has it: none where there is no body, and none is meant.
    if (!body_->empty() || message.method() == beast::http::verb::post)
      message.content_length(body_->size());
    head_ = head_text(message);
    rest_ = {asio::buffer(head_), asio::buffer(*body_)};
  }

  void write() {
    if (const error_code error = send_now(socket_, rest_))
      return asio::post(socket_.get_executor(),
                        [self = shared_from_this(), error] { self->end(error); });
    if (asio::buffer_size(rest_) == 0) return read();
    asio::async_write(socket_, rest_of(rest_),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (error) return self->end(error);
                        self->read();
                      });
  }

  void read() {
    parser_.emplace();
    parser_->body_limit(most_body_bytes_);
    beast::http::async_read(
        socket_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, std::size_t) { self->end(error); });
  }

  void expire() {
    late_ = true;
    close();
  }

  void end(error_code error) {
    body_.reset();
    deadline_.none();
    const auto then = std::exchange(then_, nullptr);
    if (error) {
      on_free(shared_from_this(), false);
      return then(tl::unexpected(late_ ? NotReached{NotReached::Why::late, "no answer in time"}
                                       : not_reached(error)));
    }
    auto answer = parser_->release();
    on_free(shared_from_this(), answer.keep_alive());
    Response response;
    response.status = static_cast<int>(answer.result_int());
    for (const auto& field : answer) {
      switch (field.name()) {
        case beast::http::field::content_type:
          response.content_type = copied(field.value());
          break;
        case beast::http::field::content_length:
        case beast::http::field::connection:
        case beast::http::field::keep_alive:
        case beast::http::field::transfer_encoding:
        case beast::http::field::cache_control:
          break;  // of that connection
        default:
          response.headers.emplace_back(copied(field.name_string()), copied(field.value()));
      }
    }
    response.body = std::move(answer.body());
    then(std::move(response));
  }

  Socket socket_;
  TimeLimit deadline_;
  std::uint64_t most_body_bytes_;
  beast::flat_buffer buffer_;
  std::string head_;
  std::shared_ptr<const std::string> body_;
  Parts rest_;  // of both, that is not sent yet
  std::optional<Parser> parser_;
  Upstream::Then then_;
  bool opened_ = false, late_ = false;
};

}  // namespace

struct Upstream::Impl : std::enable_shared_from_this<Upstream::Impl> {
  Impl(asio::io_context& context, std::string where, std::uint64_t most)
      : io(context), path(std::move(where)), most_body_bytes(most) {}

  std::shared_ptr<OnwardConnection> take() {
    if (!idle.empty()) {
      auto connection = std::move(idle.back());
      idle.pop_back();
      return connection;
    }
    auto connection = std::make_shared<OnwardConnection>(io, most_body_bytes);
    connection->on_free = [weak = weak_from_this()](const auto& freed, bool reusable) {
      const auto self = weak.lock();
      if (!self) return;
      self->busy.erase(freed);
      if (reusable && self->idle.size() < kIdleConnections) self->idle.push_back(freed);
    };
    return connection;
  }

  asio::io_context& io;
  const std::string path;
  const std::uint64_t most_body_bytes;
  std::vector<std::shared_ptr<OnwardConnection>> idle;
  std::set<std::shared_ptr<OnwardConnection>> busy;
};

Upstream::Upstream(Server& server, const std::string& address, std::uint64_t most_body_bytes)
    : impl_(std::make_shared<Impl>(server.impl_->io, address.substr(address.find(':') + 1),
                                   most_body_bytes)) {}

Upstream::~Upstream() { close_all(); }

void Upstream::send(const Onward& request, std::chrono::steady_clock::time_point deadline,
                    Then then) {
  const auto connection = impl_->take();
  impl_->busy.insert(connection);
  connection->ask(impl_->path, request, deadline, std::move(then));
}

void Upstream::close_all() {
  impl_->idle.clear();
  for (const auto& connection : std::exchange(impl_->busy, {})) connection->close();
}

}  // namespace scanflow::http
