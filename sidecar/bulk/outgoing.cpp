#include "sidecar/bulk/outgoing.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace scanflow::bulk {

Outgoing::Outgoing(std::uint64_t transfer, UniqueFd file, std::uint64_t bytes,
                   std::unique_ptr<Hasher> hasher)
    : transfer_(transfer), file_(std::move(file)), bytes_(bytes), hasher_(std::move(hasher)) {}

void Outgoing::go_on(std::uint64_t offset, std::uint64_t allowed) {
  sent_ = taken_ = std::min(offset, bytes_);
  allowed_ = allowed;
}

void Outgoing::grant(std::uint64_t taken, std::uint64_t allowed) {
  taken_ = std::max(taken_, std::min(taken, sent_));
  allowed_ = std::max(allowed_, allowed);
}

void Outgoing::look_again(std::uint64_t begin, const std::optional<std::uint64_t>& length) {
  begin_ = begin;
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) return;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const std::uint64_t there = size - std::min(size, begin);
  bytes_ = std::max(bytes_, std::min(there, length.value_or(there)));
}

Result<std::string> Outgoing::read(std::uint64_t offset, std::uint64_t most) const {
  std::string bytes(most, '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::pread(file_.get(), bytes.data() + have, bytes.size() - have,
                                static_cast<off_t>(begin_ + offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(fmt::format("it cannot be read: {}", std::strerror(errno)));
    if (got == 0) return fail(kShorter);
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

Result<std::optional<protocol::Chunk>> Outgoing::next() {
  const std::uint64_t end = std::min(bytes_, allowed_);
  if (sent_ >= end) return std::nullopt;
  auto data = read(sent_, std::min(end - sent_, kChunkBytes));
  if (!data) return tl::unexpected(data.error());
  if (hasher_ && digested_ == sent_) {
    hasher_->update(*data);
    digested_ += data->size();
  }
  protocol::Chunk chunk;
  chunk.transfer = transfer_;
  chunk.offset = sent_;
  chunk.bytes = bytes_;
  sent_ += data->size();
  chunk.data.data = std::move(*data);
  return chunk;
}

Result<bool> Outgoing::digest() {
  if (digested_ < sent_) {
    const auto data = read(digested_, std::min(sent_ - digested_, kChunkBytes));
    if (!data) return tl::unexpected(data.error());
    hasher_->update(*data);
    digested_ += data->size();
  }
  return digested_ == bytes_;
}

}  // namespace scanflow::bulk
