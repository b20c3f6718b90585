// What holds an attempt back, by its own command or by signals: a pause, and a share of its time. Both
// are under a lease: they end by themselves. Pure: it says when it is to be stopped and continued.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace scanflow::execute {

class Hold {
 public:
  enum class How : std::uint8_t { signals, command };
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  static constexpr std::int64_t kPeriodUs = 100'000;  // of a throttle's stop and go

  struct Lease {
    How how = How::signals;
    std::int64_t until_us = kNever;  // monotonic
    bool watched = true;             // it ends, too, when no engine watches any more
  };

  void pause(const Lease& lease) { pause_ = lease; }
  void resume() { pause_.reset(); }
  /// share: of its time, above 0 and below 1.
  /// One that lasts already goes on with its turns.
  void throttle(double share, const Lease& lease, std::int64_t now_us);
  void unthrottle() { throttle_.reset(); }

  const std::optional<Lease>& paused() const { return pause_; }
  const std::optional<Lease>& throttled() const { return throttle_; }
  double share() const { return throttle_ ? share_ : 1; }
  bool by_signals() const {
    return (pause_ && pause_->how == How::signals) || (throttle_ && throttle_->how == How::signals);
  }

  /// Has its lease ended? `watched`: an engine watches.
  static bool over(const std::optional<Lease>& lease, std::int64_t now_us, bool watched) {
    return lease && (now_us >= lease->until_us || (lease->watched && !watched));
  }
  /// Shall its processes be stopped now?
  bool shall_stop(std::int64_t now_us) const;
  bool is_stopped() const { return stopped_; }
  /// Its processes were stopped or continued. After a turn that was too long, since nobody woke in
  /// time, a throttle's stop is longer: the share is kept on a busy machine too.
  void turned(bool stopped, std::int64_t now_us);
  /// When shall_stop() or over() may say something else; kNever: not by time alone.
  std::int64_t wake_us(std::int64_t now_us) const;

 private:
  std::int64_t turn_due_us() const;

  std::optional<Lease> pause_, throttle_;
  double share_ = 1;
  bool stopped_ = false;
  std::int64_t turned_us_ = 0, stop_us_ = 0;  // when it was, and how long a throttle's stop is
};

}  // namespace scanflow::execute
