#include "sidecar/bulk/incoming.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace scanflow::bulk {

Incoming::Incoming(UniqueFd file, std::uint64_t have, std::unique_ptr<Hasher> hasher)
    : file_(std::move(file)), have_(have), hasher_(std::move(hasher)) {}

Result<Incoming::Piece> Incoming::take(std::uint64_t offset, std::string_view bytes) {
  if (offset > have_) return Piece::gap;
  if (offset < have_) return Piece::before;
  for (std::size_t written = 0; written < bytes.size();) {
    const ssize_t put = ::pwrite(file_.get(), bytes.data() + written, bytes.size() - written,
                                 static_cast<off_t>(have_ + written));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && (errno == ENOSPC || errno == EDQUOT)) return Piece::no_room;
    if (put < 0) return fail(fmt::format("it cannot be written: {}", std::strerror(errno)));
    written += static_cast<std::size_t>(put);
  }
  if (hasher_) hasher_->update(bytes);
  have_ += bytes.size();
  return Piece::next;
}

}  // namespace scanflow::bulk
