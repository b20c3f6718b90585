// Engines are killed at random: SCANFLOW_KILLS times at least, by the seed SCANFLOW_SEED. What is
// done follows from the seed; when it meets the engine, from the machine too.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/durability/trial.hpp"

namespace scanflow::test {
namespace {

constexpr int kFewKills = 20;  // in the ordinary suite

std::uint64_t number(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

/// One trial after the other.
class Chaos {
 public:
  explicit Chaos(std::uint64_t seed) : random_(seed) {}
  int kills() const { return kills_; }

  /// One run or two, each killed a few times, perhaps cancelled; all go on to their ends.
  std::string next() {
    const Scenario& scenario = scenarios()[draw(scenarios().size())];
    const bool two = draw(3) == 0;
    story_ = scenario.name + (two ? ", two runs" : "");
    Trial trial(scenario, two ? 2 : 1);
    if (two) {
      both(trial);
    } else {
      for (std::uint64_t lives = 1 + draw(4); lives > 0; --lives) one_life(trial);
    }
    if (draw(6) == 0) cancel(trial);
    for (std::size_t run = 0; run < (two ? 2 : 1); ++run) trial.finish(run);
    trial.check_what_is_left();
    return story_;
  }

 private:
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }

  std::string fault() {
    static const char* const kKinds[] = {"kill-before-commit", "kill-after-commit",
                                         "kill-in-write"};
    const std::string kind = kKinds[draw(3)];
    return fmt::format("{}:{}", kind, 1 + draw(kind == "kill-in-write" ? 80 : 16));
  }

  void count(const Output& output) { kills_ += output.exit == kKilled; }

  void one_life(Trial& trial) {
    if (draw(2) == 0) {
      const std::string chosen = fault();
      story_ += ", " + chosen;
      return count(trial.live(0, chosen));
    }
    const std::chrono::microseconds time(draw(120'000));
    story_ += fmt::format(", after {} us", time.count());
    count(trial.live_for(0, time));
  }

  /// Two at once: whichever is the engine of both is killed, and the other takes over.
  void both(Trial& trial) {
    const std::string first = fault();
    const std::string second = draw(2) == 0 ? fault() : "";
    story_ += fmt::format(", {} and {}", first, second.empty() ? "none" : second);
    const auto one = trial.start(0, first);
    const auto other = trial.start(1, second);
    count(one->wait());
    trial.remember();
    count(other->wait());
    trial.remember();
  }

  void cancel(Trial& trial) {
    const std::string chosen = fault();
    story_ += ", cancelled with " + chosen;
    count(trial.cancel(0, chosen));
  }

  std::mt19937_64 random_;
  std::string story_;
  int kills_ = 0;
};

TEST(RandomKills, LoseNothingAndLeaveNothing) {
  const auto wanted = static_cast<int>(number("SCANFLOW_KILLS", kFewKills));
  const std::uint64_t seed = number("SCANFLOW_SEED", 1);
  int trials = 0;
  int kills = 0;
  for (; kills < wanted; ++trials) {
    Chaos chaos(seed + static_cast<std::uint64_t>(trials));  // each can be told alone by its seed
    SCOPED_TRACE(fmt::format("SCANFLOW_SEED={} SCANFLOW_KILLS=1", seed + trials));
    const std::string story = chaos.next();
    kills += chaos.kills();
    if (testing::Test::HasFailure()) FAIL() << story;
    if (wanted > kFewKills) fmt::print("{:4}  {}\n", seed + trials, story);
  }
  fmt::print("{} kills in {} trials, seeds {} to {}\n", kills, trials, seed, seed + trials - 1);
}

}  // namespace
}  // namespace scanflow::test
