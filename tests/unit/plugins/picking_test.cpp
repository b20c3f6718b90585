// data.pick, label.delayed and data.merge: their core, and through the boundary.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "plugins/common/digit_set.hpp"
#include "plugins/steps/data/picking.hpp"
#include "plugins/steps/digits/drawing.hpp"
#include "tests/support/error_of.hpp"
#include "tests/support/step_run.hpp"

namespace scanflow::picking {
namespace {

using nlohmann::json;
using test::error_of;
using test::StepRun;
using Positions = std::vector<std::size_t>;

TEST(Picking, HighestFirst) {
  const std::vector<double> scores = {1, 5, 3, 5, 2};
  EXPECT_EQ(highest(scores, 3), (Positions{1, 3, 2}));
  EXPECT_EQ(highest(scores, 0), (Positions{1, 3, 2, 4, 0}));
  EXPECT_EQ(above(scores, 2), (Positions{1, 2, 3})) << "above, not at";
}

TEST(Picking, AtRandomWithoutRepetition) {
  const Positions some = at_random(all_of(100), 30, 1);
  EXPECT_EQ(std::set<std::size_t>(some.begin(), some.end()).size(), 30U);
  EXPECT_EQ(some, at_random(all_of(100), 30, 1));
  EXPECT_NE(some, at_random(all_of(100), 30, 2));
  EXPECT_EQ(at_random(all_of(5), 30, 1).size(), 5U);
}

TEST(Picking, FilesSayWhatIsWrong) {
  const test::TempDir directory;
  const auto of_file = [&](const std::string& content, const auto& read) {
    const std::string file = directory.write("file", content);
    std::string error = error_of([&] { read(file); });
    return error.starts_with(file) ? error.substr(file.size()) : error;
  };
  EXPECT_EQ(of_file("[]", read_scores),
            ": is no scanflow.scores/1 document; give the artifact scores of detector.score");
  EXPECT_EQ(of_file(R"({"format": "scanflow.scores/1", "threshold": 1, "scores": [1, "x"]})",
                    read_scores),
            ": scores[1] is \"x\", expected a number");
  EXPECT_EQ(of_file(R"({"format": "scanflow.scores/1", "scores": []})", read_scores),
            ": threshold is null, expected a number");
  EXPECT_EQ(of_file("", read_indices),
            ": is no scanflow.indices/1 document; give the artifact indices of data.pick");
  EXPECT_EQ(
      of_file(R"({"format": "scanflow.indices/1", "of": 3, "indices": [0, 3]})", read_indices),
      ": indices[1] is 3, expected a position below 3");
  EXPECT_EQ(of_file(R"({"format": "scanflow.indices/1", "of": -3, "indices": []})", read_indices),
            ": of is -3, expected a number of items");
}

Positions sorted(Positions positions) {
  std::sort(positions.begin(), positions.end());
  return positions;
}

/// A stream of 40 digits with labels that are all 0, as if predicted, and the truth about it.
class PickSteps : public ::testing::Test {
 protected:
  PickSteps() {
    stream_.labels.assign(truth_.size(), 0);
    for (const auto& [name, digits] :
         {std::pair{"stream", &stream_}, std::pair{"truth", &truth_}}) {
      std::filesystem::create_directory(directory_ / name);
      data::write_dataset(directory_ / name, *digits);
    }
    std::vector<double> scores(truth_.size(), 0.1);
    scores[7] = 0.9;
    scores[3] = 0.8;
    scores[11] = 0.5;
    const json document = {{"format", "scanflow.scores/1"}, {"threshold", 0.6}, {"scores", scores}};
    scores_ = directory_.write("scores", document.dump());
  }
  StepRun& pick(const json& config) {
    return pick_.input("dataset", directory_ / "stream")
        .input("scores", scores_)
        .with(config)
        .run();
  }
  StepRun& label(StepRun& step, const std::filesystem::path& truth) const {
    return step.input("dataset", pick_.artifact("dataset"))
        .input("indices", pick_.artifact("indices"))
        .input("truth", truth);
  }
  Positions picked() const { return read_indices(pick_.artifact("indices")).positions; }

  test::TempDir directory_;
  data::DigitSet truth_ = digits::generate(40, 2), stream_ = truth_;
  std::string scores_;
  StepRun pick_{"data", "data.pick"};
};

TEST_F(PickSteps, PicksTheHighest) {
  pick({{"by", "score"}, {"limit", 3}});
  ASSERT_EQ(pick_.status(), SCANFLOW_OK) << pick_.error();
  EXPECT_EQ(pick_.outputs()["count"], 3);
  EXPECT_EQ(pick_.outputs()["summary"], "3 of 40 picked by score");
  EXPECT_EQ(picked(), (Positions{7, 3, 11}));
  EXPECT_EQ(data::read_dataset(pick_.artifact("dataset")).pixels,
            truth_.select(Positions{7, 3, 11}).pixels);
}

TEST_F(PickSteps, PicksAnyAboveTheDetectorsThreshold) {
  pick(json::object());
  EXPECT_EQ(sorted(picked()), (Positions{3, 7}));
}

TEST_F(PickSteps, PicksAnyAboveAThresholdOfItsOwn) {
  pick({{"by", "threshold"}, {"threshold", 0.4}, {"limit", 0}});
  EXPECT_EQ(sorted(picked()), (Positions{3, 7, 11}));
}

TEST_F(PickSteps, NoMoreThanTheLimitAboveAThreshold) {
  pick({{"by", "threshold"}, {"threshold", 0}, {"limit", 5}});
  EXPECT_EQ(picked().size(), 5U);
  EXPECT_NE(picked(), (Positions{7, 3, 11, 0, 1})) << "any of them, not the highest";
}

TEST_F(PickSteps, PicksAtRandomWithoutScores) {
  StepRun step("data", "data.pick");
  step.input("dataset", directory_ / "stream").with({{"by", "random"}, {"limit", 10}}).run();
  ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
  EXPECT_EQ(step.outputs()["count"], 10);
  StepRun without("data", "data.pick");
  without.input("dataset", directory_ / "stream").run();
  EXPECT_EQ(
      without.error(),
      "by is threshold, but there are no scores: give the artifact scores of detector.score in "
      "`with`, or set by to random");
}

TEST_F(PickSteps, NothingToPickIsNoError) {
  pick({{"by", "threshold"}, {"threshold", 2}});
  ASSERT_EQ(pick_.status(), SCANFLOW_OK) << pick_.error();
  EXPECT_EQ(pick_.outputs()["count"], 0);
  EXPECT_EQ(data::read_dataset(pick_.artifact("dataset")).size(), 0U);
}

TEST_F(PickSteps, LabelsComeLaterAndCost) {
  pick({{"by", "score"}, {"limit", 4}});
  StepRun step("data", "label.delayed");
  const auto begin = std::chrono::steady_clock::now();
  label(step, directory_ / "truth")
      .with({{"cost", 0.25}, {"delay", 0.2}, {"delay_per_label", 0.01}})
      .run();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
  EXPECT_GE(took.count(), 0.24);
  const json outputs = step.outputs();
  EXPECT_EQ(outputs["labels"], 4);
  EXPECT_EQ(outputs["cost"], 1);
  const auto labelled = data::read_dataset(step.artifact("dataset"));
  EXPECT_EQ(labelled.labels, truth_.select(picked()).labels);
  EXPECT_EQ(outputs["changed"],
            4 - std::count(labelled.labels.begin(), labelled.labels.end(), std::uint8_t{0}));
  EXPECT_EQ(step.metrics("label_cost").front().value, 1);
}

TEST_F(PickSteps, WaitingForLabelsCanBeCancelled) {
  pick({{"by", "score"}, {"limit", 4}});
  StepRun step("data", "label.delayed");
  label(step, directory_ / "truth").with({{"delay", 3600}}).cancel_at_first_progress().run();
  EXPECT_EQ(step.status(), SCANFLOW_CANCELLED) << step.error();
}

TEST_F(PickSteps, TruthMustBeAboutTheSameItems) {
  pick({{"by", "score"}, {"limit", 4}});
  std::filesystem::create_directory(directory_ / "fewer");
  data::write_dataset(directory_ / "fewer", digits::generate(39, 2));
  StepRun step("data", "label.delayed");
  label(step, directory_ / "fewer").run();
  EXPECT_EQ(
      step.error(),
      "the indices are positions among 40 items, but truth has 39: give what was picked from, "
      "with its true labels, in the same order");
}

TEST_F(PickSteps, MergesWhatWasLabelled) {
  pick({{"by", "score"}, {"limit", 4}});
  StepRun step("data", "data.merge");
  step.input("dataset", directory_ / "truth")
      .input("more", pick_.artifact("dataset"))
      .with({{"repeat", 3}})
      .run();
  ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
  EXPECT_EQ(step.outputs()["count"], 52);
  EXPECT_EQ(step.outputs()["added"], 12);
  const auto all = data::read_dataset(step.artifact("dataset"));
  ASSERT_EQ(all.size(), 52U);
  EXPECT_TRUE(std::ranges::equal(all.image(48), truth_.image(7))) << "the last repetition begins";
}

}  // namespace
}  // namespace scanflow::picking
