// A thread of the hub: it owns some sockets, and carries bytes between them and what it serves. Nothing
// else touches either.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "engine/hub/doors.hpp"

namespace scanflow::hub {

class Serving {
 public:
  /// What it serves; called on its thread.
  struct Work {
    std::function<void(const Peer&, std::string_view bytes, std::int64_t now_us)> receive;
    std::function<void(std::int64_t now_us)> tick;  // ten times a second
    /// Before it waits: sends what there is. True: there is more at once.
    std::function<bool(std::int64_t now_us)> send;
  };

  /// odd: told on its thread.
  Serving(zmq::context_t& context, Doors::Odd odd);
  ~Serving();
  Serving(const Serving&) = delete;
  Serving& operator=(const Serving&) = delete;

  /// Opened before it begins.
  Doors& doors() { return doors_; }
  void begin(Work work);
  /// Its thread ends; the sockets stay until it is destroyed.
  void end();
  bool running() const { return thread_.joinable(); }
  /// Does it while the thread waits for that; at once where there is none. What it throws is thrown here.
  void pause(const std::function<void()>& call);
  /// Runs it on its thread, in the order of the calls. [any-thread]
  void post(std::function<void(std::int64_t now_us)> work);

 private:
  void run();
  void do_posted();

  Doors doors_;
  Work work_;
  const int wake_;
  std::mutex mutex_;
  std::vector<std::function<void(std::int64_t)>> posted_;
  bool stopping_ = false;  // the thread's
  std::thread thread_;
};

}  // namespace scanflow::hub
