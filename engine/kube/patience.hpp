// A stop token for calls that must not take longer than so.
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>

#include "engine/kube/client.hpp"

namespace scanflow::kube {

class Patience {
 public:
  /// Its token is asked to stop after so long, or when `stop` is.
  Patience(std::chrono::microseconds patience, const std::stop_token& stop)
      : passed_on_(stop, [this] { source_.request_stop(); }),
        timer_([this, patience](const std::stop_token& over) {
          if (wait_for(patience.count(), over)) source_.request_stop();
        }) {}

  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::stop_callback<std::function<void()>> passed_on_;
  std::jthread timer_;
};

}  // namespace scanflow::kube
