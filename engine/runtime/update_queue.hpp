// Updates on their way from the engine (in this process or another) to whoever shows them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace scanflow::runtime {

/// [any-thread]
class UpdateQueue {
 public:
  void push(nlohmann::json update) {
    {
      const std::lock_guard lock(mutex_);
      updates_.push_back(std::move(update));
    }
    filled_.notify_one();
  }

  /// Waits for the next one; nothing after `patience`.
  std::optional<nlohmann::json> pop(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (!filled_.wait_for(lock, patience, [this] { return !updates_.empty(); }))
      return std::nullopt;
    nlohmann::json update = std::move(updates_.front());
    updates_.pop_front();
    return update;
  }

 private:
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<nlohmann::json> updates_;
};

}  // namespace scanflow::runtime
