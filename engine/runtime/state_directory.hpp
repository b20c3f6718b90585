// Where an engine keeps its state, and who may write it: one engine per state directory.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "sdk/base/result.hpp"

namespace scanflow::runtime {

/// Paths only; nothing is created by it.
struct StateDirectory {
  std::filesystem::path root;     // absolute
  std::filesystem::path sockets;  // short (108 bytes bound a socket's path), 0700, of this user

  std::filesystem::path artifacts() const { return root / "artifacts"; }
  std::filesystem::path lock() const { return root / "engine.lock"; }
  std::filesystem::path followers() const { return root / "followers.lock"; }
  std::filesystem::path plugin_cache() const { return root / "plugin-index.json"; }
  std::filesystem::path logs_of(const std::string& run) const {
    return root / "runs" / run / "logs";
  }
  std::filesystem::path engine_socket() const { return sockets / "engine.sock"; }
};

/// `chosen`: --state, or "" for $SCANFLOW_STATE, else $XDG_STATE_HOME/scanflow, else
/// ~/.local/state/scanflow.
Result<StateDirectory> find_state_directory(const std::string& chosen);

/// Makes both directories; an error says which, why, and what to do.
Result<void> create(const StateDirectory& state);

/// Holds engine.lock (flock) for as long as it lives: its holder is the engine. The kernel lets go
/// of it when the process ends, however it ends.
class EngineLock {
 public:
  /// Nothing where another process holds it.
  static Result<std::optional<EngineLock>> try_take(const StateDirectory& state);
  /// Is there a living engine? Never waits.
  static bool is_held(const StateDirectory& state);
  /// The process that took it last; 0 where that is not known.
  static pid_t holder(const StateDirectory& state);

  EngineLock(EngineLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  EngineLock& operator=(EngineLock&&) = delete;
  ~EngineLock();

 private:
  explicit EngineLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace scanflow::runtime
