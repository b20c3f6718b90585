// The engine is killed around each of its commits, and in the middle of its writes.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/durability/trial.hpp"

namespace scanflow::test {
namespace {

constexpr int kMostKills = 400;  // kills of one kind; more commits than any scenario has

/// Kills a first engine at its k-th commit, for every k; a second one goes on to the end.
void kill_at_each(const std::string& name, const std::string& kind) {
  for (int k = 1; k <= kMostKills; ++k) {
    SCOPED_TRACE(name + " " + kind + ":" + std::to_string(k));
    Trial trial(scenario(name));
    const Output output = trial.live(0, kind + ":" + std::to_string(k));
    trial.finish(0);
    trial.check_what_is_left();
    if (output.exit != kKilled || testing::Test::HasFailure()) return;
  }
  FAIL() << "it was killed " << kMostKills << " times";
}

class Killed : public testing::TestWithParam<std::string> {};

TEST_P(Killed, BeforeEachCommit) { kill_at_each(GetParam(), "kill-before-commit"); }
TEST_P(Killed, AfterEachCommit) { kill_at_each(GetParam(), "kill-after-commit"); }

INSTANTIATE_TEST_SUITE_P(Engine, Killed, testing::Values("chain", "calls"),
                         [](const auto& name) { return name.param; });

class KilledAgainAndAgain : public testing::TestWithParam<std::string> {};

/// Each engine takes the run a little further. Not always by the same: the second commit may be one
/// that a next engine has to repeat.
TEST_P(KilledAgainAndAgain, TheRunEnds) {
  Trial trial(scenario(GetParam()));
  int kills = 0;
  const auto fault = [&] { return "kill-after-commit:" + std::to_string(2 + kills % 3); };
  while (trial.live(0, fault()).exit == kKilled && kills < kMostKills) ++kills;
  EXPECT_GT(kills, 0);
  trial.finish(0);
  trial.check_what_is_left();
}

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const Scenario& each : scenarios()) names.push_back(each.name);
  return names;
}

std::string as_identifier(const testing::TestParamInfo<std::string>& name) {
  std::string text = name.param;
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

INSTANTIATE_TEST_SUITE_P(Engine, KilledAgainAndAgain, testing::ValuesIn(all_names()),
                         as_identifier);

}  // namespace
}  // namespace scanflow::test
