// failover, over hours: a primary that crashes, hangs, slows down, is noisy, and one that flaps as badly as it can.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "plugins/strategies/failover/failover_strategy.hpp"
#include "tests/unit/strategies/asker.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;
using Serving = FailoverState::Serving;
using Share = std::optional<double>;

constexpr double kLookS = 0.5;

/// What the two are like at a time, while one of them serves.
using Pair = std::function<std::pair<Share, Share>(double now_s, Serving serving)>;

struct Switches {
  std::vector<double> over_s, back_s;
  double bad_s = 0;  // while what serves was bad and the other well

  /// In the worst hour.
  static std::size_t most_in_an_hour(const std::vector<double>& times) {
    std::size_t most = 0;
    for (auto first = times.begin(); first != times.end(); ++first)
      most =
          std::max<std::size_t>(most, std::lower_bound(first, times.end(), *first + 3600) - first);
    return most;
  }
};

Switches live(const FailoverLaw& law, double seconds, const Pair& pair) {
  FailoverState state;
  Serving serving = Serving::primary;
  Switches switches;
  for (double now_s = 1; now_s < seconds; now_s += kLookS) {
    const auto [primary, backup] = pair(now_s, serving);
    if (std::fmod(now_s, 8) == 0) state = FailoverState::read(state.text());  // a restart
    const auto wanted =
        state.decide(law, static_cast<std::int64_t>(now_s * 1e6), primary, backup, std::nullopt);
    const Share& used = serving == Serving::primary ? primary : backup;
    const Share& other = serving == Serving::primary ? backup : primary;
    if (used.value_or(1) >= law.unhealthy && other.value_or(1) <= law.healthy)
      switches.bad_s += kLookS;
    if (!wanted) continue;
    EXPECT_NE(*wanted, serving);
    serving = *wanted;
    EXPECT_LE((serving == Serving::primary ? primary : backup).value_or(1), law.healthy)
        << "never to one that is not well";
    (serving == Serving::backup ? switches.over_s : switches.back_s).push_back(now_s);
  }
  return switches;
}

/// Bad from 60 s to 90 s.
Switches after_a_fault(Share while_bad) {
  return live({}, 600, [&](double now_s, Serving) {
    return std::pair<Share, Share>(now_s >= 60 && now_s < 90 ? while_bad : 0.0, 0.0);
  });
}

TEST(FailoverPlant, ACrashAndAHangAreSwitchedOverOnceAndBackOnce) {
  for (const Share while_bad : {Share(1.0), Share(), Share(0.6)}) {
    const Switches switches = after_a_fault(while_bad);
    EXPECT_THAT(switches.over_s, ::testing::ElementsAre(63));
    EXPECT_THAT(switches.back_s, ::testing::ElementsAre(150)) << "90 and a minute";
    EXPECT_LE(switches.bad_s, 3.5);
  }
}

TEST(FailoverPlant, OneThatSlowsDownIsLeftWhereHalfOfItsAnswersAreLate) {
  // From 100 s on it takes longer and longer: late ones are bad.
  const Switches switches = live({}, 400, [](double now_s, Serving) {
    return std::pair<Share, Share>(std::clamp((now_s - 100) / 100, 0.0, 1.0), 0.0);
  });
  EXPECT_THAT(switches.over_s, ::testing::ElementsAre(153));
  EXPECT_TRUE(switches.back_s.empty());
}

TEST(FailoverPlant, NothingIsSwitchedToABackupThatIsNotWell) {
  for (const Share backup : {Share(), Share(1.0), Share(0.3)}) {
    const Switches switches =
        live({}, 600, [&](double, Serving) { return std::pair<Share, Share>(1.0, backup); });
    EXPECT_TRUE(switches.over_s.empty());
  }
}

TEST(FailoverPlant, NoiseSwitchesNothing) {
  // Of 20 answers in each look some are bad: 1 of 5 in the mean. A look has 10 by a chance of 0.0026, six in a row hardly ever.
  std::mt19937 random(5);
  std::binomial_distribution<int> bad(20, 0.2);
  const Switches switches = live({}, 3 * 3600, [&](double, Serving) {
    return std::pair<Share, Share>(bad(random) / 20.0, 0.0);
  });
  EXPECT_TRUE(switches.over_s.empty());
}

TEST(FailoverPlant, APrimaryThatFailsWheneverItServesIsTriedSixTimesAnHour) {
  const Switches switches = live({}, 6 * 3600, [](double, Serving serving) {
    return std::pair<Share, Share>(serving == Serving::primary ? 1.0 : 0.0, 0.0);
  });
  EXPECT_EQ(Switches::most_in_an_hour(switches.over_s), 6U);
  EXPECT_LE(Switches::most_in_an_hour(switches.back_s), 6U);
  EXPECT_LT(switches.bad_s / (6 * 3600), 0.01) << "of the time";
}

TEST(FailoverPlant, WhereWhicheverServesFailsItSwitchesElevenTimesAnHour) {
  const Switches switches = live({}, 6 * 3600, [](double, Serving serving) {
    const bool primary = serving == Serving::primary;
    return std::pair<Share, Share>(primary ? 1.0 : 0.0, primary ? 0.0 : 1.0);
  });
  EXPECT_EQ(Switches::most_in_an_hour(switches.over_s), 11U);
  EXPECT_LE(Switches::most_in_an_hour(switches.back_s), 11U);
}

TEST(FailoverPlant, ARandomFlappingStaysWithinTheBound) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    std::exponential_distribution<double> lasts(1.0 / 20);
    bool is_bad = false;
    double until_s = 0;
    const Switches switches = live({}, 3 * 3600, [&](double now_s, Serving) {
      while (now_s > until_s) {
        is_bad = !is_bad;
        until_s += lasts(random) * (is_bad ? 1 : 4);
      }
      return std::pair<Share, Share>(is_bad ? 1.0 : 0.0, 0.0);
    });
    EXPECT_GE(switches.over_s.size(), 1U);
    EXPECT_LE(Switches::most_in_an_hour(switches.over_s), 6U) << "seed " << seed;
  }
}

const json kFailover = {{"service", "team/digits"},
                        {"node", "cnn"},
                        {"primary", "models:/m/4"},
                        {"backup", "models:/m/1"}};

TEST(Failover, AsksForTrafficAsARolloutDoes) {
  Asker<FailoverStrategy> asker(kFailover);
  EXPECT_TRUE(asker.see(kSecondUs, {{"primary", 1}, {"backup", 0}}).empty());
  const auto actions = asker.see(4 * kSecondUs, {{"primary", 1}, {"backup", 0}});
  ASSERT_EQ(actions.size(), 1U) << asker.error;
  EXPECT_EQ(actions[0].primitive, "set_traffic");
  EXPECT_EQ(actions[0].target, (json{{"service", "team/digits"}}));
  EXPECT_EQ(actions[0].args["node"], "cnn");
  EXPECT_EQ(actions[0].args["versions"],
            (json::array({{{"model", "models:/m/1"}, {"weight", 100}}})));
  EXPECT_EQ(actions[0].reason, "the primary was unhealthy for 3 s");
}

TEST(Failover, WhatAGuardHasHeldIsAskedForAgain) {
  Asker<FailoverStrategy> asker(kFailover);
  json see = {{"primary", nullptr}, {"backup", 0}, {"serving", "models:/m/4"}};
  asker.see(kSecondUs, see);
  EXPECT_EQ(asker.see(4 * kSecondUs, see).size(), 1U);
  EXPECT_TRUE(asker.see(13 * kSecondUs, see).empty()) << "it may take so long";
  const auto again = asker.see(14 * kSecondUs, see);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].args["versions"][0]["model"], "models:/m/1");
  see["serving"] = "models:/m/1";
  EXPECT_TRUE(asker.see(40 * kSecondUs, see).empty());
}

TEST(Failover, BeginsWithWhatServes) {
  Asker<FailoverStrategy> asker(kFailover);
  const json see = {{"primary", 0}, {"backup", 0}, {"serving", "models:/m/1"}};
  EXPECT_TRUE(asker.see(kMinuteUs, see).empty());
  const auto back = asker.see(2 * kMinuteUs, see);
  ASSERT_EQ(back.size(), 1U) << asker.error;
  EXPECT_EQ(back[0].args["versions"][0]["model"], "models:/m/4");
}

TEST(Failover, WhatMakesNoSenseIsRefused) {
  EXPECT_FALSE(refuses<FailoverStrategy>(kFailover));
  for (const json& wrong : {json{{"healthy", 0.6}}, json{{"after", "0s"}}, json{{"after", "soon"}},
                            json{{"back_after", "1s"}}, json{{"back_at_most", "30s"}},
                            json{{"backup", "models:/m/4"}}}) {
    json config = kFailover;
    config.update(wrong);
    EXPECT_TRUE(refuses<FailoverStrategy>(config)) << wrong;
  }
}

}  // namespace
}  // namespace scanflow::strategies
