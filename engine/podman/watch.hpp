// Tells of what happens to the containers of our Pods, as it happens: one `podman events`, started anew when it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "engine/podman/podman.hpp"

namespace scanflow::podman {

class Watch {
 public:
  /// Called on the watch's own thread. An event may come twice, and none is left out: what happened
  /// since `since_us` (wall clock; of an engine that comes back: when it was last there), also
  /// before the watch began and while podman was being started anew, is told.
  using OnEvent = std::function<void(const Event&)>;
  /// `podman events` has ended, for the reason given; it is started anew (after 0.2 s, and up to 10 s
  /// where it ends again at once).
  using OnTrouble = std::function<void(const std::string&)>;

  /// Of containers with the label "key=value". `podman` outlives it.
  Watch(const Podman& podman, std::string label, std::int64_t since_us, OnEvent on_event,
        OnTrouble on_trouble);
  /// Ends the thread; no callback runs after it.
  ~Watch() = default;

 private:
  void follow(const std::stop_token& stop);
  void once(const std::stop_token& stop);

  const Podman& podman_;
  std::string label_;
  std::int64_t since_us_;
  OnEvent on_event_;
  OnTrouble on_trouble_;
  bool heard_ = false;  // an event came since podman was started
  std::jthread thread_;
};

}  // namespace scanflow::podman
