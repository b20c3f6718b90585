// The supervisor's sidecar: a process of its own beside the attempts, which it is told of and from
// which commands for them come. Found by its socket, or started; again where it has died, or hangs.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "engine/worker/loop.hpp"
#include "sdk/base/unique_fd.hpp"
#include "sidecar/protocol/stream.hpp"

namespace scanflow::worker {

struct SidecarOptions {
  std::string program;    // absolute path of scanflow-sidecar; empty: somebody else starts it
  std::string socket;     // absolute: where it listens
  std::string directory;  // absolute: what it keeps
  bool deliver = false;   // results and metrics have no other way to the engine
};

class SidecarLink {
 public:
  struct Events {
    std::function<void()> connected;  // it knows of nothing yet
    std::function<void(protocol::Body&)> message;
    std::function<bool()> needed;  // does anything run that it would watch?
  };

  SidecarLink(Loop& loop, SidecarOptions options, Events events);
  ~SidecarLink();
  SidecarLink(const SidecarLink&) = delete;
  SidecarLink& operator=(const SidecarLink&) = delete;

  /// From now on there shall be one, which speaks with this hub.
  void observe(const std::string& hub);
  /// Of the connection that there is now: another number for each; 0: none.
  std::uint64_t connection() const { return fd_ ? connection_ : 0; }
  /// Lost where there is none.
  void send(protocol::Body body);
  /// Is this child the sidecar?
  bool has(pid_t pid) const { return pid_ != 0 && pid == pid_; }
  /// A child has ended. True: it was the sidecar.
  bool reaped(pid_t pid, int wait_status);

 private:
  void ensure();
  bool connect();
  void start();
  void read();
  void write();
  void drop();
  void try_later();
  void arm_beat();
  void beat();

  Loop& loop_;
  const SidecarOptions options_;
  const Events events_;
  std::string hub_;  // empty: none is wanted yet
  pid_t pid_ = 0;    // that was started here; 0: none
  UniqueFd fd_;
  protocol::Stream stream_;
  std::uint64_t connection_ = 0;
  std::int64_t wait_us_ = 0;  // before the next try
  std::int64_t heard_us_ = 0;
  Loop::Timer beat_{};
  Loop::Timer retry_{};
  bool retrying_ = false;
};

}  // namespace scanflow::worker
