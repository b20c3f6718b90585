// How many replicas a service is to have for what is asked of it. Pure: it is told the time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace scanflow::serve {

struct ScalingRule {
  std::size_t min = 1, max = 1;  // equal: the number is fixed
  double target = 8;             // requests on their way, of each replica; above 0
  std::int64_t stabilization_us = 30'000'000;
};

/// As Kubernetes' HorizontalPodAutoscaler (kubernetes.io, "Algorithm details" and "Stabilization
/// window"), whose ceil(replicas * (average of each / target)) is
///
///   wish   = ceil(average / target)
///   wanted = the highest wish of the last `stabilization`, within [min, max]
///
/// `average`: requests on their way over the last second, those that wait for a replica too. So more
/// are wanted within a second, never more than the highest average of the window asks for, and
/// between a number that is wanted and a lower one lies the whole window: it cannot flap faster.
class Scaling {
 public:
  explicit Scaling(const ScalingRule& rule) : rule_(rule), wanted_(rule.min) {}

  void set_rule(const ScalingRule& rule);
  /// There are so many already, of a time before: as if they had been wished for now.
  void begin_with(std::size_t count, std::int64_t now_us);
  /// Several times a second. `busy_us`: how long all requests together have been on their way until
  /// now, in microseconds: what it grows by, divided by the time, is the average. Gives wanted().
  std::size_t decide(std::int64_t now_us, std::uint64_t busy_us);
  std::size_t wanted() const { return wanted_; }
  /// "3 replicas now: 17 requests on their way, 8 each": of the last decision.
  std::string text(std::size_t before) const;

 private:
  struct Sample {
    std::int64_t at_us;
    std::uint64_t busy_us;
  };
  struct Wish {
    std::int64_t at_us;
    std::size_t count;
  };

  ScalingRule rule_;
  std::deque<Sample> samples_;  // of the last second, and the one before
  std::deque<Wish> wishes_;     // of the window, each higher than all that came after it
  double average_ = 0;
  std::size_t wanted_;
};

}  // namespace scanflow::serve
