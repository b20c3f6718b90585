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
  /// checkpoints.hpp
  std::filesystem::path checkpoints() const { return root / "checkpoints"; }
  std::filesystem::path pods() const { return root / "pods"; }
  std::filesystem::path hub_identity() const { return root / "hub.json"; }
  std::filesystem::path hub_namespaces() const { return root / "hub-namespaces.json"; }
  /// Its holder is the engine.
  std::filesystem::path engine_lock() const { return root / "engine.lock"; }
  /// Its holder is a server, which is the engine or about to be: nobody else becomes it.
  std::filesystem::path server_lock() const { return root / "server.lock"; }
  // Run locks (run_locks.hpp): by those who follow a run, and by the engine that goes on with it.
  std::filesystem::path followers() const { return root / "followers.lock"; }
  std::filesystem::path engine_runs() const { return root / "runs.lock"; }
  std::filesystem::path plugin_cache() const { return root / "plugin-index.json"; }
  std::filesystem::path logs_of(const std::string& run) const {
    return root / "runs" / run / "logs";
  }
  std::filesystem::path engine_socket() const { return sockets / "engine.sock"; }
  /// Where sidecars of this machine find the hub.
  std::filesystem::path hub_socket() const { return sockets / "hub.sock"; }
};

/// `chosen`: --state, or "" for $SCANFLOW_STATE, else $XDG_STATE_HOME/scanflow, else
/// ~/.local/state/scanflow.
Result<StateDirectory> find_state_directory(const std::string& chosen);

/// Makes both directories; an error says which, why, and what to do.
Result<void> create(const StateDirectory& state);

/// Holds a lock file (flock) for as long as it lives. The kernel lets go of it when the process ends,
/// however it ends.
class ProcessLock {
 public:
  /// Nothing where another process holds it.
  static Result<std::optional<ProcessLock>> try_take(const std::filesystem::path& file);
  /// Does a living process hold it? Never waits.
  static bool is_held(const std::filesystem::path& file);
  /// The process that took it last; 0 where that is not known.
  static pid_t holder(const std::filesystem::path& file);

  ProcessLock(ProcessLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  ProcessLock& operator=(ProcessLock&&) = delete;
  ~ProcessLock();

 private:
  explicit ProcessLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace scanflow::runtime
