// A file on its way to the other side, as far as that allows. [one thread]
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"
#include "sidecar/bulk/hasher.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::bulk {

inline constexpr std::uint64_t kChunkBytes = 256u << 10;

class Outgoing {
 public:
  static constexpr const char* kShorter = "it has become shorter while it was sent";

  /// `bytes`: how long the file is. hasher: null where nobody asks for the digest.
  Outgoing(std::uint64_t transfer, UniqueFd file, std::uint64_t bytes,
           std::unique_ptr<Hasher> hasher = nullptr);

  /// The other side wants it from there on.
  void go_on(std::uint64_t offset, std::uint64_t allowed);
  void grant(std::uint64_t taken, std::uint64_t allowed);
  /// Of a log, which begins at `begin` of the file: it may have become longer. `length`: it has ended.
  void look_again(std::uint64_t begin, const std::optional<std::uint64_t>& length);

  /// The next piece; nothing where no more is allowed, or there. An error: the file is not what it was.
  Result<std::optional<protocol::Chunk>> next();
  /// Digests a little of what next() did not: what lies before the offset that it went on from. True:
  /// all is digested.
  Result<bool> digest();
  /// Once: where digest() was true.
  std::string sha256() { return hasher_->hex(); }

  std::uint64_t transfer() const { return transfer_; }
  std::uint64_t bytes() const { return bytes_; }
  /// Read, and not taken yet by the other side.
  std::uint64_t under_way() const { return sent_ - taken_; }
  bool all_sent() const { return sent_ == bytes_; }
  bool may_send() const { return sent_ < allowed_; }

 private:
  Result<std::string> read(std::uint64_t offset, std::uint64_t most) const;

  std::uint64_t transfer_;
  UniqueFd file_;
  std::uint64_t begin_ = 0;  // where it begins in the file
  std::uint64_t bytes_;
  std::unique_ptr<Hasher> hasher_;
  std::uint64_t sent_ = 0, taken_ = 0, allowed_ = 0, digested_ = 0;
};

}  // namespace scanflow::bulk
