// Trials of a closed loop: what is read of them, and their page.
#include "plugins/steps/report/trials.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "plugins/common/idx.hpp"
#include "plugins/steps/report/trials_page.hpp"
#include "tests/support/error_of.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::report {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::int64_t kBegun = 1'000'000'000;

json decision(std::int64_t time_us, const json& action, const json& payload = json::object()) {
  return {{"time_us", time_us},
          {"ended_us", time_us + 1'000'000},
          {"evidence", {{"payload", payload}}},
          {"actions", {action}}};
}
json action(const std::string& primitive, const json& args) {
  return {{"primitive", primitive}, {"args", args}, {"outcome", "DONE"}};
}

/// 2,000 requests, one each 10 ms; from 1,000 on they are drifted, and read wrongly until 1,500.
class Trials : public testing::Test {
 protected:
  void write(int seed) const {
    const auto directory = directory_.path() / ("sudden-" + std::to_string(seed));
    std::filesystem::create_directories(directory);
    std::vector<std::uint8_t> nothing;
    json answers = {{"begun_us", kBegun}};
    for (int i = 0; i < 2000; ++i) {
      const bool drifted = i >= 1000;
      answers["sent_us"].push_back(i * 10'000);
      answers["labels"].push_back(3);
      answers["digits"].push_back(drifted && i < 1500 ? 4 : 3);
      nothing.push_back(drifted ? 4 : 3);
    }
    std::ofstream(directory / "answers.json") << answers;
    const std::uint32_t shape[] = {2000};
    data::write_idx(directory / "nothing-idx1-ubyte", shape, nothing);
    const json outputs = {{"labels", 400}, {"cost", 40}, {"train_seconds", 2.5}};
    const json decisions = {
        {"decisions",
         {decision(kBegun + 14'000'000,
                   action("promote_model", {{"name", "mnist_cnn"}, {"version", "2"}}),
                   {{"name", "mnist-retrain"}, {"outputs", outputs}}),
          decision(kBegun + 12'000'000, action("run_pipeline", {{"pipeline", "s/mnist-retrain"}})),
          decision(kBegun + 11'000'000, action("emit", {{"type", "data.drifted"}})),
          decision(kBegun + 5'000'000, action("run_pipeline", {{"pipeline", "s/mnist-retrain"}})),
          decision(kBegun - 1, action("promote_model", {{"name", "mnist_cnn"}, {"version", 1}}))}}};
    std::ofstream(directory / "decisions.json") << decisions;
    json figures = {
        {"name", "t"},
        {"scenario", "sudden"},
        {"seed", seed},
        {"failed", 0},
        {"p99_ms", 4.5},
        {"accuracy", {0.96, 0.93 + 0.01 * seed}},
        {"who", {{{"who", "loop"}, {"digits", "clean"}}, {{"who", "loop"}, {"digits", "drifted"}}}},
        {"begins", {{{"at", 0}, {"corrupted", false}}, {{"at", 1000}, {"corrupted", true}}}}};
    std::ofstream(directory / "figures.json") << figures;
  }
  const test::TempDir directory_;
};

TEST_F(Trials, FiguresAreOfWhatHappened) {
  write(1);
  const auto trials = read_trials(directory_.path());
  ASSERT_EQ(trials.size(), 1U);
  const TrialFigures figures = figures_of(trials[0]);
  EXPECT_DOUBLE_EQ(*figures.clean, 1);
  EXPECT_NEAR(*figures.fallen, 0, 0.001) << "until the promotion's end, at 15 s";
  EXPECT_DOUBLE_EQ(*figures.regained, 1);
  EXPECT_DOUBLE_EQ(*figures.untended, 0);
  EXPECT_NEAR(*figures.detected_s, 1, 1e-6);
  EXPECT_NEAR(*figures.recovered_s, 5, 1e-6);
  EXPECT_EQ(figures.retrainings, 2U);
  EXPECT_EQ(figures.false_retrainings, 1U) << "the one before anything had drifted";
  EXPECT_EQ(figures.promotions, 1U) << "the first version is no promotion";
  EXPECT_EQ(trials[0].labels, 400);
}

TEST_F(Trials, ThePageShowsThemWithIntervals) {
  for (int seed = 1; seed <= 3; ++seed) write(seed);
  const auto trials = read_trials(directory_.path());
  const std::string page = make_trials_page(trials, kBegun);
  EXPECT_THAT(page, HasSubstr("promoted, swapped"));
  EXPECT_THAT(page, HasSubstr("95.0 ± 2.5 %")) << "of 94, 95, 96: t = 4.303, s = 1, n = 3";
  EXPECT_THAT(page, HasSubstr("3 false retrainings in 3,000 clean requests"));
  EXPECT_THAT(trials_summary(trials), HasSubstr("sudden (3 seeds): clean 100.0 ± 0.0 %"));
}

TEST_F(Trials, SayWhatIsMissing) {
  EXPECT_THAT(test::error_of([&] { read_trials(directory_.path()); }),
              HasSubstr("there are no trials in it"));
  write(1);
  std::filesystem::remove(directory_.path() / "sudden-1" / "decisions.json");
  EXPECT_THAT(test::error_of([&] { read_trials(directory_.path()); }),
              HasSubstr("decisions.json: is no JSON object"));
}

TEST(MeanOf, StudentsIntervals) {
  EXPECT_FALSE(mean_of({}));
  EXPECT_EQ(mean_of({0.5})->half, 0);
  const auto mean = mean_of({1, 2, 3, 4, 5});
  EXPECT_DOUBLE_EQ(mean->mean, 3);
  EXPECT_NEAR(mean->half, 1.963, 0.001);
}

}  // namespace
}  // namespace scanflow::report
