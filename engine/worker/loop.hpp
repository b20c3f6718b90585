// A small event loop over epoll: descriptors and timers, one thread. The supervisor is on the path
// of every local step and resident all the time, so it carries nothing more.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

#include "sdk/base/unique_fd.hpp"

namespace scanflow::worker {

class Loop {
 public:
  using Ready = std::function<void(std::uint32_t events)>;
  using Task = std::function<void()>;
  /// Names a timer; stays valid (and harmless to cancel) after it has fired.
  using Timer = std::pair<std::int64_t, std::uint64_t>;

  Loop();

  /// Calls `ready` when the descriptor has any of `events` (EPOLLIN, EPOLLOUT). The descriptor
  /// stays the caller's; forget it before closing it. Calling again changes the events.
  void watch(int fd, std::uint32_t events, Ready ready);
  void change(int fd, std::uint32_t events);
  void forget(int fd);

  Timer after(std::int64_t delay_us, Task task);
  void cancel(const Timer& timer) { timers_.erase(timer); }

  /// Called once before each wait: the place to write what was queued.
  void before_wait(Task task) { before_wait_ = std::move(task); }

  void run();
  void stop() { stopped_ = true; }

 private:
  struct Watcher {
    std::uint32_t generation = 0;  // tells a descriptor from a later one of the same number
    Ready ready;
  };

  void dispatch(const epoll_event& event);
  int fire_timers();  // milliseconds until the next one; -1: none

  UniqueFd epoll_;
  std::unordered_map<int, Watcher> watchers_;
  std::map<Timer, Task> timers_;
  std::uint64_t next_timer_ = 0;
  std::uint32_t next_generation_ = 0;
  Task before_wait_;
  bool stopped_ = false;
};

}  // namespace scanflow::worker
