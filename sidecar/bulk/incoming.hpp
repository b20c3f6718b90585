// A file that comes in pieces, in order. [one thread]
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sdk/base/result.hpp"
#include "sdk/base/unique_fd.hpp"
#include "sidecar/bulk/hasher.hpp"

namespace scanflow::bulk {

class Incoming {
 public:
  enum class Piece {
    next,     // it was written
    before,   // it had come already
    gap,      // something before it is missing: it was not taken
    no_room,  // its disk is full: it was not taken
  };

  /// Goes on behind the `have` bytes of the file. hasher: has seen these; null: no digest is wanted.
  Incoming(UniqueFd file, std::uint64_t have, std::unique_ptr<Hasher> hasher);

  /// An error: it cannot be written.
  Result<Piece> take(std::uint64_t offset, std::string_view bytes);
  std::uint64_t have() const { return have_; }
  /// Once.
  std::string sha256() { return hasher_->hex(); }

 private:
  UniqueFd file_;
  std::uint64_t have_;
  std::unique_ptr<Hasher> hasher_;
};

}  // namespace scanflow::bulk
