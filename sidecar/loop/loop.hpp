// The sidecar's event loop: a thin owner of libevent's. One thread.
#pragma once

#include <event2/event.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace scanflow::sidecar {

class Loop {
 public:
  using Task = std::function<void()>;

  /// A descriptor, timer or signal that is watched; its end ends that.
  class Watch {
   public:
    Watch() = default;

   private:
    friend class Loop;
    struct Inside {
      ~Inside() { ::event_free(event); }
      ::event* event = nullptr;
      std::function<void(short)> ready;
    };
    std::unique_ptr<Inside> inside_;
  };

  Loop();

  /// Calls `ready` with EV_READ, EV_WRITE while the descriptor has any of `what`. The descriptor stays
  /// the caller's, and open for as long.
  Watch watch(int fd, short what, std::function<void(short)> ready);
  Watch on_signal(int signal, Task task);
  /// Once: to be armed.
  Watch timer(Task task);
  static void arm(const Watch& timer, std::int64_t delay_us);
  static bool armed(const Watch& timer);

  /// Until stop(): `before` each wait, which is when something may be left to be done.
  void run(const Task& before);
  void stop() { stopped_ = true; }
  event_base* base() { return base_.get(); }

 private:
  Watch make(int fd, short what, std::function<void(short)> ready);
  struct Free {
    void operator()(event_base* base) const { ::event_base_free(base); }
  };
  std::unique_ptr<event_base, Free> base_;
  bool stopped_ = false;
};

}  // namespace scanflow::sidecar
