// Which runs living processes have to do with: those that follow a run, each from its submission to
// its end, so that an engine that takes over knows whose clients will come to it in a moment; and
// the engine that goes on with it. The kernel forgets a process when it ends, however it ends.
#pragma once

#include <filesystem>
#include <string>

#include "engine/runtime/state_directory.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::runtime {

/// A file of which each holder has locked the byte that its run means. [one thread]
class RunLocks {
 public:
  static Result<RunLocks> open(const std::filesystem::path& file);
  RunLocks(RunLocks&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  RunLocks& operator=(RunLocks&&) = delete;
  ~RunLocks();

  /// For as long as this object lives, or until it is removed. Several may hold one run.
  Result<void> add(const std::string& run);
  void remove(const std::string& run);
  /// Does anybody hold it by another object?
  bool has(const std::string& run) const;

 private:
  explicit RunLocks(int fd) : fd_(fd) {}
  int fd_;
};

/// Does a living engine go on with the run, or will it, as somebody waits for that? Else a run that is
/// not over is interrupted. Reads only. [any-thread]
bool goes_on(const StateDirectory& state, const std::string& run);

}  // namespace scanflow::runtime
