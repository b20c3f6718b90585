// data.stream; and picks and labels of what a stream was.
#include <gmock/gmock.h>

#include <fstream>
#include <memory>
#include <set>

#include "plugins/common/digit_set.hpp"
#include "plugins/steps/data/picking.hpp"
#include "plugins/steps/digits/drawing.hpp"
#include "tests/support/step_run.hpp"

namespace scanflow::picking {
namespace {

using nlohmann::json;
using test::StepRun;
using testing::HasSubstr;

class Streams : public testing::Test {
 protected:
  void SetUp() override { data::write_dataset(digits_.path(), digits::generate(60, 1)); }
  StepRun& run_of(const char* id) {
    return *runs_.emplace_back(std::make_unique<StepRun>("data", id));
  }
  const StepRun& stream(const json& pieces, int seed = 1) {
    StepRun& step = run_of("data.stream");
    step.with({{"pieces", pieces}, {"seed", seed}}).input("dataset", digits_.path()).run();
    return step;
  }
  const test::TempDir digits_;

 private:
  std::vector<std::unique_ptr<StepRun>> runs_;
};

TEST_F(Streams, EachDigitComesOnceBeforeAnyComesAgain) {
  const StepRun& calm = stream({{{"count", 60}}, {{"count", 30}}});
  ASSERT_EQ(calm.status(), SCANFLOW_OK) << calm.error();
  const auto drawn = data::read_dataset(calm.artifact("dataset"));
  ASSERT_EQ(drawn.size(), 90U);
  std::multiset<std::vector<std::uint8_t>> first, all;
  const auto original = data::read_dataset(digits_.path());
  for (std::size_t i = 0; i < 60; ++i) {
    first.emplace(drawn.image(i).begin(), drawn.image(i).end());
    all.emplace(original.image(i).begin(), original.image(i).end());
  }
  EXPECT_EQ(first, all);
  EXPECT_EQ(calm.outputs().at("begins")[1].at("at"), 60);
}

TEST_F(Streams, DriftsPieceByPieceAndRepeatably) {
  const json pieces = {{{"count", 20}},
                       {{"count", 20}, {"ways", {"brightness"}}, {"severity", 0.5}},
                       {{"count", 20}, {"ways", {"brightness"}}}};
  const StepRun &once = stream(pieces), &again = stream(pieces), &other = stream(pieces, 2);
  ASSERT_EQ(once.status(), SCANFLOW_OK) << once.error();
  const auto digits = data::read_dataset(once.artifact("dataset"));
  EXPECT_EQ(digits.pixels, data::read_dataset(again.artifact("dataset")).pixels);
  EXPECT_NE(digits.pixels, data::read_dataset(other.artifact("dataset")).pixels);
  const auto mean = [&](std::size_t from) {
    double sum = 0;
    for (std::size_t i = from; i < from + 20; ++i)
      for (const std::uint8_t pixel : digits.image(i)) sum += pixel;
    return sum / (20 * data::kPixels);
  };
  EXPECT_GT(mean(20), mean(0) + 30);
  EXPECT_GT(mean(40), mean(20) + 30);
  const json begins = once.outputs().at("begins");
  EXPECT_FALSE(begins[0].at("corrupted"));
  EXPECT_TRUE(begins[2].at("corrupted"));
}

TEST_F(Streams, SayWhatIsWrongWithAPiece) {
  const auto error = [&](const json& piece) { return stream(json::array({piece})).error(); };
  EXPECT_THAT(error({{"count", 0}}), HasSubstr("write {count: 1500"));
  EXPECT_THAT(error({{"count", 1}, {"way", {"brightness"}}}), HasSubstr("unknown field 'way'"));
  EXPECT_THAT(error({{"count", 1}, {"ways", {"brightnes"}}}), HasSubstr("brightnes"));
  EXPECT_THAT(error({{"count", 1}, {"severity", 2}}), HasSubstr("from 0 to 1"));
}

/// What is picked for a lesson, and what is picked to judge it.
TEST_F(Streams, PicksHaveNothingInCommon) {
  StepRun lesson("data", "data.pick");
  lesson.with({{"by", "random"}, {"limit", 25}}).input("dataset", digits_.path()).run();
  StepRun gate("data", "data.pick");
  gate.with({{"by", "random"}, {"limit", 0}})
      .input("dataset", digits_.path())
      .input("except", lesson.artifact("indices"))
      .run();
  ASSERT_EQ(gate.status(), SCANFLOW_OK) << gate.error();
  EXPECT_EQ(gate.outputs().at("count"), 35);
  const auto a = read_indices(lesson.artifact("indices")).positions;
  const auto b = read_indices(gate.artifact("indices")).positions;
  std::set<std::size_t> all(a.begin(), a.end());
  all.insert(b.begin(), b.end());
  EXPECT_EQ(all.size(), 60U);
  StepRun early("data", "data.pick");
  early.with({{"by", "random"}, {"limit", 0}, {"from", 10}, {"until", 14}})
      .input("dataset", digits_.path())
      .run();
  EXPECT_EQ(early.outputs().at("count"), 4);
}

class Labelled : public Streams {
 protected:
  const StepRun& label(const json& ids, const json& config = json::object()) {
    write_indices(files_.path() / "indices", {60, {0, 1, 2, 3}});
    const auto digits = data::read_dataset(digits_.path());
    const std::vector<std::size_t> first = {0, 1, 2, 3};
    data::write_dataset(files_.path() / "picked", digits.select(first));
    std::ofstream(files_.path() / "ids") << json{{"format", "scanflow.ids/1"}, {"ids", ids}};
    StepRun& step = run_of("label.delayed");
    step.with(config)
        .input("dataset", files_.path() / "picked")
        .input("indices", files_.path() / "indices")
        .input("truth", digits_.path())
        .input("ids", files_.path() / "ids")
        .run();
    return step;
  }
  json ids_from(int first) const {
    json ids = json::array();
    for (int i = 0; i < 60; ++i) ids.push_back((first + i) % 60);
    return ids;
  }
  void SetUp() override {
    Streams::SetUp();
    std::filesystem::create_directories(files_.path() / "picked");
  }
  const test::TempDir files_;
};

TEST_F(Labelled, TheTruthIsFoundByIds) {
  const auto truth = data::read_dataset(digits_.path()).labels;
  const StepRun& step = label(ids_from(10));
  ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
  const auto labels = data::read_dataset(step.artifact("dataset")).labels;
  EXPECT_THAT(labels, testing::ElementsAre(truth[10], truth[11], truth[12], truth[13]));
}

TEST_F(Labelled, SomeAnswersAreWrong) {
  const auto truth = data::read_dataset(digits_.path()).labels;
  const StepRun& step = label(ids_from(0), {{"wrong", 1}});
  const auto labels = data::read_dataset(step.artifact("dataset")).labels;
  for (std::size_t i = 0; i < labels.size(); ++i) EXPECT_NE(labels[i], truth[i]);
}

TEST_F(Labelled, AnIdThatNobodyKnowsIsAnError) {
  json ids = ids_from(0);
  ids[2] = 60;
  EXPECT_THAT(label(ids).error(), HasSubstr("nobody knows the truth of id 60"));
  EXPECT_THAT(label(json::array({1})).error(), HasSubstr("has 1 ids"));
}

}  // namespace
}  // namespace scanflow::picking
