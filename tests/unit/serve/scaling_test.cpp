// The control law of replicas, alone and with a plant that it steers.
#include "engine/serve/scaling.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <random>
#include <vector>

namespace scanflow::serve {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kTick = kSecond / 10;

/// Requests on their way, changed by hand.
class Requests {
 public:
  explicit Requests(const ScalingRule& rule) : scaling_(rule) {}
  /// So many for so long. Gives what is wanted at the end.
  std::size_t keep(std::uint64_t requests, std::int64_t us) {
    for (const std::int64_t end = now_ + us; now_ < end;) {
      now_ += kTick;
      busy_ += requests * kTick;
      scaling_.decide(now_, busy_);
    }
    return scaling_.wanted();
  }
  Scaling& scaling() { return scaling_; }

 private:
  Scaling scaling_;
  std::int64_t now_ = 0;
  std::uint64_t busy_ = 0;
};

TEST(ScalingTest, WantsWhatItsRequestsNeedWithinASecond) {
  Requests requests({1, 4, 8, 30 * kSecond});
  EXPECT_EQ(requests.scaling().wanted(), 1U);
  EXPECT_EQ(requests.keep(0, kSecond), 1U) << "the least";
  EXPECT_EQ(requests.keep(17, kSecond), 3U);
  EXPECT_EQ(requests.scaling().text(1), "3 replicas now: 17 requests on their way, 8 each");
  EXPECT_EQ(requests.keep(24, kSecond), 3U) << "24 are three times 8";
  EXPECT_EQ(requests.keep(25, kSecond), 4U);
  EXPECT_EQ(requests.keep(1000, 10 * kSecond), 4U) << "the most";
}

TEST(ScalingTest, GoesDownWhenFewerWereEnoughForTheWholeWindow) {
  Requests requests({1, 4, 8, 30 * kSecond});
  requests.keep(30, 2 * kSecond);
  EXPECT_EQ(requests.keep(10, 29 * kSecond), 4U);
  EXPECT_EQ(requests.keep(10, 2 * kSecond), 2U) << "to the highest wish of the window";
  EXPECT_EQ(requests.scaling().text(4), "2 replicas now: more were not needed for 30.0 s");
  EXPECT_EQ(requests.keep(0, 29 * kSecond), 2U);
  EXPECT_EQ(requests.keep(17, kSecond), 3U);
  EXPECT_EQ(requests.keep(0, 29 * kSecond), 3U) << "a new wish begins a new window";
  EXPECT_EQ(requests.keep(0, 3 * kSecond), 1U);
}

TEST(ScalingTest, SaysNoLessThanWhatItDecidedBy) {
  Scaling scaling({1, 4, 8, 30 * kSecond});
  scaling.decide(0, 0);
  EXPECT_EQ(scaling.decide(kSecond, 8'010'000), 2U);
  EXPECT_EQ(scaling.text(1), "2 replicas now: 8.1 requests on their way, 8 each");
}

TEST(ScalingTest, WithoutAWindowItFollowsAtOnce) {
  Requests requests({2, 9, 0.5, 0});
  EXPECT_EQ(requests.keep(4, kSecond), 8U);
  EXPECT_EQ(requests.keep(0, kSecond + kTick), 2U);
}

TEST(ScalingTest, AFixedNumberIsFixed) {
  Requests requests({3, 3, 8, 30 * kSecond});
  EXPECT_EQ(requests.keep(1000, kSecond), 3U);
  requests.scaling().set_rule({2, 2, 8, 30 * kSecond});
  EXPECT_EQ(requests.keep(1000, kTick), 2U);
  EXPECT_EQ(requests.scaling().text(3), "2 replicas now");
}

TEST(ScalingTest, ARuleThatIsSaidAgainForgetsNothing) {
  const ScalingRule rule{1, 4, 8, 30 * kSecond};
  Requests requests(rule);
  requests.keep(30, 2 * kSecond);
  for (int i = 0; i < 20; ++i) {
    requests.scaling().set_rule(rule);
    EXPECT_EQ(requests.keep(0, kSecond), 4U);
  }
}

/// Each replica answers 100 requests a second, each after 100 ms at least, and is ready 1.5 s after it
/// was wanted; those that are wanted no more are gone at once. Its requests are a fluid.
class Plant {
 public:
  static constexpr double kRate = 100, kLatency = 0.1;
  static constexpr std::int64_t kStart = 3 * kSecond / 2, kStep = kSecond / 100;

  explicit Plant(const ScalingRule& rule) : rule_(rule), scaling_(rule), ready_(rule.min) {}

  /// `load`: requests a second, at a time since its begin.
  void run(std::int64_t us, const std::function<double(double)>& load) {
    for (std::int64_t past = 0; past < us; past += kStep) {
      const double dt = static_cast<double>(kStep) / kSecond;
      const double most = static_cast<double>(ready_) * kRate;
      in_flight_ += dt * load(static_cast<double>(past) / kSecond);
      in_flight_ -= std::min(in_flight_, dt * std::min(in_flight_ / kLatency, most));
      now_ += kStep;
      busy_ += in_flight_ * static_cast<double>(kStep);
      if (now_ % kTick == 0) tick();
    }
  }
  std::size_t wanted() const { return scaling_.wanted(); }
  double in_flight() const { return in_flight_; }
  int ups = 0, downs = 0;
  std::size_t most_wanted = 0;

 private:
  void tick() {
    const std::size_t before = scaling_.wanted();
    const std::size_t wanted = scaling_.decide(now_, static_cast<std::uint64_t>(busy_));
    ups += wanted > before ? 1 : 0;
    downs += wanted < before ? 1 : 0;
    most_wanted = std::max(most_wanted, wanted);
    for (std::size_t i = ready_ + starting_.size(); i < wanted; ++i) starting_.push_back(now_);
    while (!starting_.empty() && now_ - starting_.front() >= kStart) {
      starting_.pop_front();
      ++ready_;
    }
    ready_ = std::min(ready_, wanted);
    const auto needed = [&](double requests) {
      return std::clamp(static_cast<std::size_t>(std::ceil(requests / rule_.target)), rule_.min,
                        rule_.max);
    };
    // The bound: what the most requests of the window, and of the second before it, ask for.
    seen_.push_back(in_flight_);
    const auto kept = static_cast<std::size_t>((rule_.stabilization_us + kSecond) / kTick) + 1;
    if (seen_.size() > kept) seen_.pop_front();
    ASSERT_LE(wanted, needed(*std::max_element(seen_.begin(), seen_.end()) + 1e-3)) << now_;
    constexpr std::ptrdiff_t kAveraged = 12;
    if (std::ssize(seen_) < kAveraged) return;  // before it all was quiet
    ASSERT_GE(wanted, needed(*std::min_element(seen_.end() - kAveraged, seen_.end()) - 1)) << now_;
  }

  const ScalingRule rule_;
  Scaling scaling_;
  std::size_t ready_;
  std::deque<std::int64_t> starting_;
  std::deque<double> seen_;
  std::int64_t now_ = 0;
  double in_flight_ = 0, busy_ = 0;
};

TEST(ScalingPlantTest, RisesWithTheLoadAndFallsAfterItWithoutFlapping) {
  Plant plant({1, 10, 8, 30 * kSecond});
  plant.run(60 * kSecond, [](double t) { return 5 * t; });  // to 300 a second: 30 on their way
  plant.run(20 * kSecond, [](double) { return 300; });
  EXPECT_EQ(plant.wanted(), 4U);
  EXPECT_EQ(plant.most_wanted, 4U) << "no overshoot";
  EXPECT_EQ(plant.ups, 3);
  EXPECT_EQ(plant.downs, 0);
  plant.run(60 * kSecond, [](double t) { return 300 - 5 * t; });
  EXPECT_GE(plant.wanted(), 2U) << "half a minute ago it was half of it";
  plant.run(32 * kSecond, [](double) { return 0; });
  EXPECT_EQ(plant.wanted(), 1U);
  EXPECT_EQ(plant.ups, 3) << "none comes back while the load falls";
  EXPECT_EQ(plant.downs, 3);
}

TEST(ScalingPlantTest, AStepLeavesABacklogWhichIsAnsweredAndForgotten) {
  Plant plant({1, 10, 8, 30 * kSecond});
  plant.run(5 * kSecond, [](double) { return 50; });
  plant.run(10 * kSecond, [](double) { return 300; });
  EXPECT_EQ(plant.wanted(), 10U) << "what waited asks for replicas, too; the most is the bound";
  EXPECT_LT(plant.in_flight(), 31) << "the backlog is gone";
  plant.run(30 * kSecond, [](double) { return 300; });
  EXPECT_EQ(plant.wanted(), 4U);
  EXPECT_LE(plant.downs, 8) << "straight down";
  const int changes = plant.ups + plant.downs;
  plant.run(120 * kSecond, [](double) { return 300; });
  EXPECT_EQ(plant.ups + plant.downs, changes) << "and there it stays";
}

TEST(ScalingPlantTest, WavesThatAreShorterThanTheWindowChangeNothing) {
  Plant plant({1, 10, 8, 30 * kSecond});
  const auto wave = [](double t) { return 170 + 130 * std::sin(t * 2 * M_PI / 20); };
  plant.run(40 * kSecond, wave);
  const int changes = plant.ups + plant.downs;
  plant.run(200 * kSecond, wave);
  EXPECT_EQ(plant.ups + plant.downs, changes);
}

TEST(ScalingPlantTest, KeepsItsBoundsUnderAnyLoad) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    Plant plant({1 + random() % 2, 3 + random() % 8, 4.0 + random() % 8,
                 static_cast<std::int64_t>(random() % 20) * kSecond});
    for (int part = 0; part < 10; ++part) {
      const double level = random() % 600;
      plant.run(static_cast<std::int64_t>(1 + random() % 10) * kSecond,
                [&](double) { return level * (0.5 + static_cast<double>(random() % 100) / 100); });
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace scanflow::serve
