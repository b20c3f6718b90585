// The warm parents: one process per plugin library, which has it loaded and forks the processes of
// attempts. Each keeps one forked already: forking a process as large as one with libtorch takes
// milliseconds, which an attempt that finds this spare need not wait for.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/worker/loop.hpp"
#include "sdk/base/unique_fd.hpp"
#include "sidecar/protocol/stream.hpp"

namespace scanflow::worker {

class HostPool {
 public:
  struct Events {
    /// The attempt's process is there, and waits at the other end of the socket for Hello and
    /// Spawn; it ends when the socket is closed before. Also called within start().
    std::function<void(const protocol::AttemptId&, pid_t, UniqueFd socket)> forked;
    /// An attempt's process ended and was reaped by its warm parent.
    std::function<void(const protocol::Exited&)> exited;
    /// The attempt got no process; cause as in Result. Also called within start().
    std::function<void(const protocol::AttemptId&, std::string cause, std::string message)> failed;
  };

  /// program: this executable. env: NAME=value of the hosts. null_fd, log_fd: stdin and output.
  HostPool(Loop& loop, Events events, std::string program, std::vector<std::string> env,
           int null_fd, int log_fd);
  ~HostPool();

  /// Gives the attempt the spare process of the library's warm parent (which is started if need
  /// be), or has one forked for it.
  void start(const protocol::AttemptId& id, const std::string& library);
  /// Takes back an attempt that has no process yet; false where it has.
  bool withdraw(const protocol::AttemptId& id);
  /// The attempt of that process has set itself up: now is the time to fork the next spare.
  void is_up(pid_t pid);
  /// Ends the spares, until the next start().
  void drop_spares();
  /// Tells the pool that a child of this process ended. False: not a warm parent.
  bool reaped(pid_t pid, int wait_status);
  /// A warm parent or a spare?
  bool has(pid_t pid) const;

 private:
  struct Spare {
    pid_t pid = 0;
    UniqueFd socket;
  };
  struct Host {
    std::string key;  // library, its time and size: a rebuilt library gets a new host
    std::string library;
    pid_t pid = 0;
    UniqueFd fd;
    protocol::Stream stream;
    bool ready = false;
    bool retired = false;      // ends when its attempts have
    std::int64_t used_us = 0;  // monotonic; when it last had something to do
    std::string bytes;
    std::deque<UniqueFd> sockets;  // that came beside Forked, which has not been read yet
    std::size_t asked = 0;         // forks that it was asked for and has not announced
    std::deque<protocol::AttemptId> waiting;
    std::set<pid_t> attempts;  // processes that run one
    std::optional<Spare> spare;
    bool idle() const { return waiting.empty() && attempts.empty(); }
  };

  Host* find(const std::string& library);
  Host* create(const std::string& library, std::string& error);
  void on_ready(pid_t pid);
  void handle(Host& host, protocol::Body& body);
  void ask(Host& host, std::size_t forks);
  void keep_spare(Host& host);
  void take(Host& host, pid_t pid);
  void hand_over(Host& host, const protocol::AttemptId& id, Spare spare);
  void on_exited(Host& host, const protocol::Exited& exited);
  void report_unseen(const Host& host);
  void fail_waiting(Host& host, const std::string& cause, const std::string& message);
  void retire_idle();
  void retire(Host& host);

  Loop& loop_;
  Events events_;
  std::string program_;
  std::vector<std::string> env_;
  int null_fd_;
  int log_fd_;
  std::vector<std::unique_ptr<Host>> hosts_;
  bool keep_spares_ = true;
  bool trimming_ = false;
};

}  // namespace scanflow::worker
