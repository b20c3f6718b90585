// straggler, over runs of many instances on few slots, of which some are drawn slow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <set>

#include "plugins/common/random.hpp"
#include "plugins/strategies/straggler/straggler_strategy.hpp"
#include "tests/unit/strategies/asker.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A for_each on so many slots. An attempt takes 10 s with a noise of 10 %; a share of them, drawn for each anew, 5 to 10
/// times as long. It is looked at every two seconds.
struct Plant {
  int instances = 40, slots = 4;
  double slow_share = 0.1, noise = 0.1;
};
struct Outcome {
  double makespan = 0, wasted = 0;  // seconds; wasted: of attempts that were not first
  int hedges = 0;
};

class Simulation {
 public:
  Simulation(const Plant& plant, std::uint64_t seed) : plant_(plant), random_(seed) {
    for (int i = 0; i < plant.instances; ++i) first_.push_back(draw());
  }

  Outcome run(const json* config) {
    Asker<StragglerStrategy> asker(config != nullptr ? *config : json::object());
    if (config != nullptr) share_ = config->value("max_share", 0.1);
    Outcome outcome;
    std::size_t next = 0;
    for (double now = 0; took_.size() < first_.size(); now += kTick) {
      end_attempts(now, outcome);
      while (in_flight() < plant_.slots && !wanted_.empty()) {
        const int instance = *wanted_.begin();
        wanted_.erase(wanted_.begin());
        attempts_[instance].push_back({now, now + draw()});
        ++outcome.hedges;
      }
      while (in_flight() < plant_.slots && next < first_.size()) {
        attempts_[static_cast<int>(next)] = {{now, now + first_[next]}};
        ++next;
      }
      if (config != nullptr && std::fmod(now + kTick / 2, 2.0) < kTick) ask(asker, now);
      outcome.makespan = now;
    }
    return outcome;
  }

 private:
  static constexpr double kTick = 0.125;
  struct Attempt {
    double begun = 0, ends = 0;
  };

  double draw() {
    const double usual = 10 * std::max(0.2, 1 + plant_.noise * random_.bell());
    return random_.between(0, 1) < plant_.slow_share ? usual * random_.between(5, 10) : usual;
  }

  int in_flight() const {
    int all = 0;
    for (const auto& [instance, attempts] : attempts_) all += static_cast<int>(attempts.size());
    return all;
  }

  void end_attempts(double now, Outcome& outcome) {
    for (auto each = attempts_.begin(); each != attempts_.end();) {
      const auto& [instance, attempts] = *each;
      const auto first =
          std::min_element(attempts.begin(), attempts.end(),
                           [](const Attempt& a, const Attempt& b) { return a.ends < b.ends; });
      if (first->ends > now) {
        ++each;
        continue;
      }
      took_[instance] = first->ends - first->begun;
      for (const Attempt& other : attempts)
        outcome.wasted += &other == &*first ? 0 : now - other.begun;
      wanted_.erase(instance);
      each = attempts_.erase(each);
    }
  }

  void ask(Asker<StragglerStrategy>& asker, double now) {
    json running = json::array(), seconds = json::array();
    for (const auto& [instance, took] : took_) seconds.push_back(took);
    for (const auto& [instance, attempts] : attempts_) {
      const bool hedged = attempts.size() > 1 || wanted_.contains(instance);
      hedged_ = hedged_ + (hedged && seen_.insert(instance).second);
      running.push_back({{"step", std::to_string(instance)},
                         {"attempt", 1},
                         {"seconds", now - attempts[0].begun},
                         {"hedged", hedged}});
    }
    const json group = {{"run", "r"},
                        {"step", "s"},
                        {"total", plant_.instances},
                        {"ended", took_.size()},
                        {"hedges", hedged_},
                        {"hedgeable", true},
                        {"seconds", seconds},
                        {"former", json::array()},
                        {"running", running}};
    const auto actions =
        asker.see(static_cast<std::int64_t>(now * 1e6) + 1, {{"running", {group}}});
    EXPECT_EQ(asker.error, "");
    for (const Action& action : actions) {
      const int instance = std::stoi(action.args.at("step").get<std::string>());
      EXPECT_TRUE(attempts_.contains(instance) && attempts_[instance].size() == 1);
      wanted_.insert(instance);
      hedged_ += seen_.insert(instance).second;
    }
    EXPECT_LE(hedged_, plant_.instances * share_);
  }

  const Plant plant_;
  data::Random random_;
  std::vector<double> first_;
  std::map<int, double> took_;
  std::map<int, std::vector<Attempt>> attempts_;
  std::set<int> wanted_, seen_;
  int hedged_ = 0;
  double share_ = 0.1;
};

TEST(StragglerRuns, EndSoonerForLittleWaste) {
  constexpr int kRuns = 30;
  const json config = {{"min_seconds", 1}};
  double without = 0, with = 0, wasted = 0, worst = 0;
  for (int seed = 1; seed <= kRuns; ++seed) {
    const auto number = static_cast<std::uint64_t>(seed);
    const Outcome plain = Simulation({}, number).run(nullptr);
    const Outcome hedged = Simulation({}, number).run(&config);
    without += plain.makespan / kRuns;
    with += hedged.makespan / kRuns;
    wasted += hedged.wasted / kRuns;
    worst = std::max(worst, hedged.makespan / plain.makespan);
  }
  std::cerr << "40 instances on 4 slots, 10 % of attempts 5 to 10 times slower: " << without
            << " s without, " << with << " s with second attempts, " << wasted
            << " s of attempts that were not first; worst ratio " << worst << "\n";
  EXPECT_LT(with, 0.9 * without);
  EXPECT_LT(wasted, 0.75 * with) << "below a fifth of the time of 4 slots";
  EXPECT_LT(worst, 1.15);
}

TEST(StragglerRuns, NoiseAloneGetsNoSecondAttempts) {
  const json config = {{"min_seconds", 1}};
  int hedges = 0;
  for (int seed = 1; seed <= 15; ++seed)
    hedges += Simulation({.slow_share = 0}, static_cast<std::uint64_t>(seed)).run(&config).hedges;
  EXPECT_EQ(hedges, 0);
}

Alike alike(std::size_t total, std::vector<double> seconds, std::vector<double> ages) {
  Alike alike;
  alike.total = total;
  alike.ended = seconds.size();
  alike.seconds = std::move(seconds);
  for (std::size_t i = 0; i < ages.size(); ++i)
    alike.running.push_back({"s[" + std::to_string(i) + "]", 1, ages[i], false});
  return alike;
}

TEST(Straggler, HoldsAgesAgainstTheMedianOnceHalfHaveEnded) {
  StragglerLaw law;
  law.min_seconds = 1;
  EXPECT_THAT(slow_ones(law, alike(8, {10, 10, 10}, {99, 1})), IsEmpty()) << "three of eight";
  const auto slow = slow_ones(law, alike(8, {8, 10, 12, 40}, {16.4, 16.6}));
  ASSERT_THAT(slow, SizeIs(1)) << "the median is 11";
  EXPECT_EQ(slow[0].step, "s[1]");
  EXPECT_DOUBLE_EQ(slow[0].usual, 11);
  law.min_seconds = 17;
  EXPECT_THAT(slow_ones(law, alike(8, {8, 10, 12, 40}, {16.4, 16.6})), IsEmpty());
}

TEST(Straggler, TheOldestFirstAndNoMoreThanItsShare) {
  StragglerLaw law;
  law.min_seconds = 1;
  law.max_share = 0.2;
  Alike many = alike(10, {1, 1, 1, 1, 1}, {3, 5, 4});
  auto slow = slow_ones(law, many);
  ASSERT_THAT(slow, SizeIs(2));
  EXPECT_EQ(slow[0].step, "s[1]");
  EXPECT_EQ(slow[1].step, "s[2]");
  many.hedges = 1;
  many.running[1].hedged = true;
  slow = slow_ones(law, many);
  ASSERT_THAT(slow, SizeIs(1));
  EXPECT_EQ(slow[0].step, "s[2]") << "that one has its second attempt";
  many.hedges = 2;
  EXPECT_THAT(slow_ones(law, many), IsEmpty());
  law.max_share = 0.01;
  many.hedges = 0;
  EXPECT_THAT(slow_ones(law, many), SizeIs(1)) << "one at least";
}

TEST(Straggler, AnOnlyOneIsHeldAgainstFormerRuns) {
  StragglerLaw law;
  Alike only = alike(1, {}, {31});
  only.former = {18, 20};
  EXPECT_THAT(slow_ones(law, only), IsEmpty()) << "two runs say too little";
  only.former = {18, 20, 22};
  EXPECT_THAT(slow_ones(law, only), SizeIs(1));
  only.running[0].seconds = 29;
  EXPECT_THAT(slow_ones(law, only), IsEmpty());
}

json group(double seconds, bool hedgeable = true) {
  return {{"run", "r1"},
          {"step", "shard"},
          {"total", 4},
          {"ended", 2},
          {"hedges", 0},
          {"hedgeable", hedgeable},
          {"seconds", {20, 20}},
          {"former", json::array()},
          {"running",
           {{{"step", "shard[3]"}, {"attempt", 1}, {"seconds", seconds}, {"hedged", false}}}}};
}

TEST(Straggler, AsksOnceAndAgainWhereNothingCameOfIt) {
  Asker<StragglerStrategy> asker(json::object());
  EXPECT_THAT(asker.see(kSecondUs, {{"running", {group(29)}}}), IsEmpty());
  const auto actions = asker.see(2 * kSecondUs, {{"running", {group(31)}}});
  ASSERT_THAT(actions, SizeIs(1)) << asker.error;
  EXPECT_EQ(actions[0].primitive, "hedge_step");
  EXPECT_EQ(actions[0].args, (json{{"run", "r1"}, {"step", "shard[3]"}}));
  EXPECT_EQ(actions[0].reason, "attempt 1 runs for 31.0 s, where 20.0 s are usual");
  EXPECT_THAT(asker.see(3 * kSecondUs, {{"running", {group(32)}}}), IsEmpty());
  EXPECT_THAT(asker.see(13 * kSecondUs, {{"running", {group(42)}}}), SizeIs(1));
  EXPECT_THAT(asker.see(14 * kSecondUs, {{"running", {group(99, false)}}}), IsEmpty());
  EXPECT_THAT(asker.see(40 * kSecondUs, {{"running", json::array()}}), IsEmpty());
  EXPECT_EQ(asker.state, "{}") << "nothing is kept of what is over";
}

TEST(Straggler, WhatShowsItNothingIsAnError) {
  Asker<StragglerStrategy> asker(json::object());
  asker.ask(1, json::object());
  EXPECT_THAT(asker.error, HasSubstr("runs.running()"));
  asker.see(1, {{"running", 3}});
  EXPECT_THAT(asker.error, HasSubstr("see.running"));
  asker.see(1, {{"running", nullptr}});
  EXPECT_EQ(asker.error, "") << "the engine was busy";
  EXPECT_TRUE(refuses<StragglerStrategy>({{"factor", 0.5}}));
  EXPECT_TRUE(refuses<StragglerStrategy>({{"max_share", 0}}));
}

}  // namespace
}  // namespace scanflow::strategies
