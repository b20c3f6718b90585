// Which runs living processes follow, each from its submission to its end: so that an engine that
// takes over knows whose clients will come to it in a moment, and which runs nobody goes on with.
// The kernel forgets a follower when its process ends, however it ends.
#pragma once

#include <string>

#include "engine/runtime/state_directory.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

/// A file in the state directory, of which a follower has locked the byte that its run means. [one
/// thread]
class Followers {
 public:
  static Result<Followers> open(const StateDirectory& state);
  Followers(Followers&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Followers& operator=(Followers&&) = delete;
  ~Followers();

  /// This process follows the run for as long as this object lives.
  Result<void> add(const std::string& run);
  /// Does anybody by another object?
  bool has(const std::string& run) const;

 private:
  explicit Followers(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace scanflow::runtime
