// The warm parents: one process per plugin library, which has it loaded and forks attempts.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/worker/loop.hpp"
#include "engine/worker/unique_fd.hpp"
#include "sidecar/protocol/stream.hpp"

namespace scanflow::worker {

class HostPool {
 public:
  struct Events {
    std::function<void(const protocol::Forked&)> forked;
    /// An attempt's process ended and was reaped by its warm parent.
    std::function<void(const protocol::Exited&)> exited;
    /// The warm parent died after it was asked to fork the attempt; it may have done so.
    std::function<void(const protocol::AttemptId&)> abandoned;
    /// The attempt could not be started; cause as in Result.
    std::function<void(const protocol::AttemptId&, std::string cause, std::string message)> failed;
  };

  /// program: this executable. env: NAME=value of the hosts. null_fd, log_fd: stdin and output.
  HostPool(Loop& loop, Events events, std::string program, std::vector<std::string> env,
           int null_fd, int log_fd);
  ~HostPool();

  /// Has the attempt forked by the library's warm parent, which is started if need be.
  /// `socket`: the attempt's end of its connection to the supervisor.
  void start(protocol::Spawn spawn, UniqueFd socket);
  /// Takes back an attempt that was not handed over yet; false where it was.
  bool withdraw(const protocol::AttemptId& id);
  /// Tells the pool that a child of this process ended. False: not a warm parent.
  bool reaped(pid_t pid, int wait_status);
  bool has(pid_t pid) const;

 private:
  struct Waiting {
    protocol::Spawn spawn;
    UniqueFd socket;
  };
  struct Host {
    std::string key;  // library, its time and size: a rebuilt library gets a new host
    std::string library;
    pid_t pid = 0;
    UniqueFd fd;
    protocol::Stream stream;
    bool ready = false;
    bool retired = false;  // ends when its attempts have
    std::uint32_t attempts = 0;
    std::int64_t used_us = 0;  // monotonic; when it last had something to do
    std::vector<Waiting> waiting;
    std::set<protocol::AttemptId> asked;  // handed over, Forked not heard of
  };

  Host* find(const std::string& library);
  Host* create(const std::string& library, std::string& error);
  void on_ready(pid_t pid);
  void handle(Host& host, protocol::Body& body);
  void hand_over(Host& host, Waiting waiting);
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
  bool trimming_ = false;
};

}  // namespace scanflow::worker
