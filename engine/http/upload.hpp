// A request's body, from its connection into a file. Private to engine/http (session.cpp).
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "engine/http/disk.hpp"
#include "engine/http/session.hpp"
#include "engine/http/spool.hpp"

namespace scanflow::http {

/// Belongs to the HTTP thread.
template <class Wire>
class Upload : public std::enable_shared_from_this<Upload<Wire>> {
 public:
  using HeadParser = boost::beast::http::request_parser<boost::beast::http::empty_body>;
  using error_code = boost::system::error_code;
  /// The connection has failed, the body was not taken, or here it is.
  using Done = std::function<void(error_code, Taken<std::shared_ptr<const BodyFile>>)>;

  /// The stream, its buffer and what is shared outlive it, since `done` keeps them.
  Upload(Wire& stream, boost::beast::flat_buffer& buffer, HeadParser&& head, Serving& serving,
         Done done)
      : stream_(stream),
        buffer_(buffer),
        parser_(std::move(head)),
        serving_(serving),
        done_(std::move(done)) {}

  void start(std::shared_ptr<Spool> spool) {
    spool_ = std::move(spool);
    buffer_.reserve(buffer_.max_size());  // as much is read at once
    begin_piece();
  }

 private:
  void begin_piece() {
    piece_.resize(kPieceBytes);
    parser_.get().body().data = piece_.data();
    parser_.get().body().size = piece_.size();
    parser_.get().body().more = true;
    read();
  }

  /// Whatever comes gives the client time again: a large body may take as long as it takes.
  void read() {
    if (parser_.is_done() || parser_.get().body().size == 0) return store();
    boost::beast::get_lowest_layer(stream_).expires_after(serving_.options.limits.receive);
    boost::beast::http::async_read_some(
        stream_, buffer_, parser_,
        [self = this->shared_from_this()](error_code error, std::size_t) {
          if (error && error != boost::beast::http::error::need_buffer) return self->end(error, {});
          self->read();
        });
  }

  void store() {
    piece_.resize(piece_.size() - parser_.get().body().size);
    boost::beast::get_lowest_layer(stream_).expires_never();
    on_disk(
        serving_.disk, stream_.get_executor(),
        [self = this->shared_from_this()] { return self->spool_->write(self->piece_); },
        [self = this->shared_from_this()](Taken<void> written) {
          if (!written) return self->end({}, tl::unexpected(std::move(written.error())));
          if (self->parser_.is_done()) return self->end({}, self->spool_->finish());
          self->begin_piece();
        });
  }

  void end(error_code error, Taken<std::shared_ptr<const BodyFile>> taken) {
    spool_.reset();
    buffer_.shrink_to_fit();
    std::exchange(done_, {})(error, std::move(taken));
  }

  Wire& stream_;
  boost::beast::flat_buffer& buffer_;
  boost::beast::http::request_parser<boost::beast::http::buffer_body> parser_;
  Serving& serving_;
  Done done_;
  std::shared_ptr<Spool> spool_;
  std::string piece_;
};

}  // namespace scanflow::http
