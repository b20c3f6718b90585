// Updates on their way from the engine (in this process or another) to whoever shows them.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "engine/runtime/submission.hpp"

namespace scanflow::runtime {

/// Does it change what the one who asked does next?
inline bool is_urgent(const nlohmann::json& update) {
  const auto& type = update.at("type").get_ref<const std::string&>();
  return type != "event" && type != "progress" && type != "metric";
}

/// [any-thread]
class UpdateQueue {
 public:
  /// Wakes who waits in pop at once if it is urgent. What is only shown can wait until it looks
  /// again: waking it for each event cost a quarter of a short step's time.
  void push(Update update) {
    const bool urgent = is_urgent(*update);
    {
      const std::lock_guard lock(mutex_);
      updates_.push_back(std::move(update));
    }
    if (urgent) filled_.notify_one();
  }

  /// The next one; where there is none, waits for an urgent one, or `patience`: then null.
  Update pop(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (!filled_.wait_for(lock, patience, [this] { return !updates_.empty(); })) return nullptr;
    Update update = std::move(updates_.front());
    updates_.pop_front();
    return update;
  }

 private:
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<Update> updates_;
};

}  // namespace scanflow::runtime
