#include "sidecar/loop/loop.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace scanflow::sidecar {

Loop::Loop() : base_(::event_base_new()) {
  if (!base_) throw std::runtime_error("cannot make an event loop");
}

Loop::Watch Loop::make(int fd, short what, std::function<void(short)> ready) {
  Watch watch;
  watch.inside_ = std::make_unique<Watch::Inside>();
  watch.inside_->ready = std::move(ready);
  watch.inside_->event = ::event_new(
      base_.get(), fd, what,
      [](evutil_socket_t, short events, void* inside) {
        // A copy: what is called may end the watch.
        const auto call = static_cast<Watch::Inside*>(inside)->ready;
        call(events);
      },
      watch.inside_.get());
  if (watch.inside_->event == nullptr) throw std::runtime_error("cannot watch a descriptor");
  return watch;
}

Loop::Watch Loop::watch(int fd, short what, std::function<void(short)> ready) {
  Watch made = make(fd, static_cast<short>(what | EV_PERSIST), std::move(ready));
  ::event_add(made.inside_->event, nullptr);
  return made;
}

Loop::Watch Loop::on_signal(int signal, Task task) {
  Watch made = make(signal, EV_SIGNAL | EV_PERSIST, [task = std::move(task)](short) { task(); });
  ::event_add(made.inside_->event, nullptr);
  return made;
}

Loop::Watch Loop::timer(Task task) {
  return make(-1, 0, [task = std::move(task)](short) { task(); });
}

void Loop::arm(const Watch& timer, std::int64_t delay_us) {
  constexpr std::int64_t kSecond = 1'000'000;
  delay_us = std::max<std::int64_t>(delay_us, 0);
  timeval delay{};
  delay.tv_sec = delay_us / kSecond;
  delay.tv_usec = delay_us % kSecond;
  ::event_add(timer.inside_->event, &delay);
}

bool Loop::armed(const Watch& timer) {
  return ::event_pending(timer.inside_->event, EV_TIMEOUT, nullptr) != 0;
}

void Loop::run(const Task& before) {
  while (!stopped_) {
    before();
    if (!stopped_) ::event_base_loop(base_.get(), EVLOOP_ONCE);
  }
}

}  // namespace scanflow::sidecar
