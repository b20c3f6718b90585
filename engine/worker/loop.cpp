#include "engine/worker/loop.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <system_error>

#include "sdk/base/clock.hpp"

namespace scanflow::worker {

Loop::Loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

void Loop::watch(int fd, std::uint32_t events, Ready ready) {
  Watcher& watcher = watchers_[fd];
  watcher.generation = ++next_generation_;
  watcher.ready = std::move(ready);
  epoll_event event{};
  event.events = events;
  event.data.u64 =
      static_cast<std::uint64_t>(watcher.generation) << 32 | static_cast<std::uint32_t>(fd);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

void Loop::change(int fd, std::uint32_t events) {
  const auto found = watchers_.find(fd);
  if (found == watchers_.end()) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 =
      static_cast<std::uint64_t>(found->second.generation) << 32 | static_cast<std::uint32_t>(fd);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Loop::forget(int fd) {
  if (watchers_.erase(fd) != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

Loop::Timer Loop::after(std::int64_t delay_us, Task task) {
  const Timer timer{monotonic_us() + std::max<std::int64_t>(delay_us, 0), ++next_timer_};
  timers_.emplace(timer, std::move(task));
  return timer;
}

void Loop::dispatch(const epoll_event& event) {
  const auto found = watchers_.find(static_cast<int>(event.data.u64 & 0xffffffffu));
  if (found == watchers_.end() || found->second.generation != event.data.u64 >> 32) return;
  const Ready ready = found->second.ready;  // a copy: the callback may forget its descriptor
  ready(event.events);
}

int Loop::fire_timers() {
  while (!timers_.empty()) {
    const std::int64_t wait = timers_.begin()->first.first - monotonic_us();
    if (wait > 0) {
      const std::int64_t ms = (wait + 999) / 1000;
      return static_cast<int>(std::min<std::int64_t>(ms, std::numeric_limits<int>::max()));
    }
    const Task task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    task();
  }
  return -1;
}

void Loop::run() {
  std::array<epoll_event, 64> events;
  while (!stopped_) {
    const int timeout = fire_timers();
    if (before_wait_) before_wait_();
    if (stopped_) break;
    const int n = ::epoll_wait(epoll_.get(), events.data(), events.size(), timeout);
    if (n < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "epoll_wait");
    }
    for (int i = 0; i < n && !stopped_; ++i) dispatch(events[static_cast<std::size_t>(i)]);
  }
}

}  // namespace scanflow::worker
