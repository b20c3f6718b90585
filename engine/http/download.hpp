// A file, or a part of one, onto a connection. Private to engine/http (session.cpp).
#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "engine/http/disk.hpp"
#include "engine/http/session.hpp"

namespace scanflow::http {

/// Belongs to the HTTP thread.
template <class Wire>
class Download : public std::enable_shared_from_this<Download<Wire>> {
 public:
  /// Was all of it sent?
  using Done = std::function<void(bool whole)>;

  /// The stream and what is shared outlive it, since `done` keeps them.
  Download(Wire& stream, FilePart part, Serving& serving, Done done)
      : stream_(stream), part_(std::move(part)), serving_(serving), done_(std::move(done)) {}

  void next() {
    if (part_.bytes == 0) return end(true);
    boost::beast::get_lowest_layer(stream_).expires_never();
    on_disk(
        serving_.disk, stream_.get_executor(),
        [self = this->shared_from_this()] {
          const auto most = std::min<std::uint64_t>(self->part_.bytes, kPieceBytes);
          return self->part_.file->read(self->part_.offset, most);
        },
        [self = this->shared_from_this()](Result<std::string> piece) {
          if (!piece || piece->empty()) return self->end(false);
          self->write(std::move(*piece));
        });
  }

 private:
  void write(std::string piece) {
    piece_ = std::move(piece);
    part_.offset += piece_.size();
    part_.bytes -= piece_.size();
    boost::beast::get_lowest_layer(stream_).expires_after(serving_.options.limits.send);
    boost::asio::async_write(
        stream_, boost::asio::buffer(piece_),
        [self = this->shared_from_this()](boost::system::error_code error, std::size_t) {
          error ? self->end(false) : self->next();
        });
  }

  void end(bool whole) { std::exchange(done_, {})(whole); }

  Wire& stream_;
  FilePart part_;
  Serving& serving_;
  Done done_;
  std::string piece_;
};

}  // namespace scanflow::http
