// A limit in time that is set anew with each step of a connection. Private to engine/http.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace scanflow::http {

/// Setting it costs no system call where it only moves on: the timer that runs looks, when it fires, whether
/// there is time left. Belongs to the thread of its executor.
class TimeLimit {
 public:
  using Clock = std::chrono::steady_clock;

  /// `over` is called when the time is over, not after this has ended.
  template <class Executor>
  TimeLimit(const Executor& executor, std::function<void()> over)
      : state_(std::make_shared<State>(executor, std::move(over))) {}
  ~TimeLimit() {
    state_->over = nullptr;
    stop();
  }
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

  void at(Clock::time_point due) {
    state_->due = due;
    if (state_->fires > due) wait(state_);
  }
  void after(std::chrono::milliseconds time) { at(Clock::now() + time); }
  /// There is none for now.
  void none() { state_->due = kNever; }
  bool is_set() const { return state_->due != kNever; }
  /// There is none, and nothing waits in its executor either.
  void stop() {
    none();
    state_->fires = kNever;
    state_->timer.cancel();
  }

 private:
  static constexpr Clock::time_point kNever = Clock::time_point::max();

  struct State {
    template <class Executor>
    State(const Executor& executor, std::function<void()> call)
        : timer(executor), over(std::move(call)) {}
    boost::asio::steady_timer timer;
    std::function<void()> over;
    Clock::time_point due = kNever, fires = kNever;
  };

  static void wait(const std::shared_ptr<State>& state) {
    state->fires = state->due;
    state->timer.expires_at(state->due);
    state->timer.async_wait([state, fires = state->fires](boost::system::error_code error) {
      if (error || fires != state->fires) return;  // it is set anew
      state->fires = kNever;
      if (state->due == kNever) return;
      if (Clock::now() < state->due) return wait(state);
      state->due = kNever;
      if (const auto over = state->over) over();
    });
  }

  std::shared_ptr<State> state_;
};

}  // namespace scanflow::http
