// Commands that wait until the step's own thread comes to a safe point.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <scanflow/error.hpp>
#include <utility>

namespace scanflow {
inline namespace sdk {

class Context;

namespace detail {

class Mailbox {
 public:
  using Work = std::function<nlohmann::json(Context&)>;

  /// Waits until the thread of run has done it. Throws what `work` throws, and Error where the run
  /// ends before. [any-thread] but the one of run.
  nlohmann::json ask(Work work) {
    std::packaged_task<nlohmann::json(Context&)> letter(std::move(work));
    auto answer = letter.get_future();
    {
      const std::lock_guard lock(mutex_);
      if (closed_) throw Error("the step has ended");
      letters_.push_back(std::move(letter));
      busy_.store(true, std::memory_order_release);
    }
    changed_.notify_one();
    try {
      return answer.get();
    } catch (const std::future_error&) {
      throw Error("the step ended before it came to that");
    }
  }

  /// Costs one look where nothing waits. [the thread of run]
  void serve(Context& context, const std::atomic<bool>& cancelled) {
    if (!busy_.load(std::memory_order_acquire)) return;
    std::unique_lock lock(mutex_);
    while (!cancelled) {
      if (!letters_.empty()) {
        auto letter = std::move(letters_.front());
        letters_.pop_front();
        lock.unlock();
        letter(context);  // what it throws is for who asked
        lock.lock();
      } else if (paused_) {
        changed_.wait(lock);
      } else {
        break;
      }
    }
    busy_.store(!letters_.empty() || paused_, std::memory_order_release);
  }

  /// Whether serve() waits, once it has nothing else to do. False: it was so before. [the thread of
  /// run]
  bool pause(bool paused) { return std::exchange(paused_, paused) != paused; }
  /// After a cancel: who waits in serve() looks again. [any-thread]
  void wake() {
    // Not between that one's look and its wait.
    { const std::lock_guard lock(mutex_); }
    changed_.notify_one();
  }
  /// The run has ended: what waits, and whatever comes, is refused. [the thread of run]
  void close() {
    std::deque<std::packaged_task<nlohmann::json(Context&)>> refused;
    const std::lock_guard lock(mutex_);
    closed_ = true;
    refused.swap(letters_);
  }

 private:
  std::mutex mutex_;  // guards letters_ and closed_
  std::condition_variable changed_;
  std::deque<std::packaged_task<nlohmann::json(Context&)>> letters_;
  bool closed_ = false;
  bool paused_ = false;             // only the thread of run touches it
  std::atomic<bool> busy_ = false;  // letters_ is not empty, or paused_
};

}  // namespace detail
}  // namespace sdk
}  // namespace scanflow
