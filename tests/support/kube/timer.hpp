// Calls that come later, on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace scanflow::test::kube {

class Timer {
 public:
  Timer() : thread_([this] { run(); }) {}
  ~Timer() { stop(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void after(std::chrono::milliseconds time, std::function<void()> call) {
    const std::lock_guard lock(mutex_);
    calls_.emplace(Clock::now() + time, std::move(call));
    changed_.notify_one();
  }
  /// Nothing is called when this has returned; what was to come is forgotten.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
    calls_.clear();  // they may hold what ends before this does
  }

 private:
  using Clock = std::chrono::steady_clock;

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopped_) {
      if (calls_.empty()) {
        changed_.wait(lock);
      } else if (const auto first = calls_.begin(); first->first > Clock::now()) {
        changed_.wait_until(lock, first->first);
      } else {
        const auto call = std::move(first->second);
        calls_.erase(first);
        lock.unlock();
        call();
        lock.lock();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, std::function<void()>> calls_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace scanflow::test::kube
