// detector.train and detector.score, through the boundary.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>

#include "plugins/steps/digits/drawing.hpp"
#include "tests/support/step_run.hpp"
#include "tests/unit/plugins/real_digits.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

class DetectorSteps : public ::testing::Test {
 protected:
  /// Digits that were corrupted, as another dataset.
  std::filesystem::path corrupted(const std::filesystem::path& dataset, const std::string& way) {
    StepRun corrupt("data", "data.corrupt");
    corrupt.input("dataset", dataset).with({{"ways", {way}}}).run();
    EXPECT_EQ(corrupt.status(), SCANFLOW_OK) << corrupt.error();
    const auto to = directory_ / way;
    std::filesystem::copy(corrupt.artifact("dataset"), to);
    return to;
  }
  StepRun& train(const data::DigitSet& digits, std::size_t learnt, std::size_t validated,
                 const json& config) {
    write_part(digits, 0, learnt, directory_ / "train");
    write_part(digits, learnt, learnt + validated, directory_ / "validation");
    train_.input("dataset", directory_ / "train")
        .input("validation", directory_ / "validation")
        .with(config)
        .run();
    return train_;
  }
  StepRun& score(StepRun& step, const std::filesystem::path& dataset) const {
    return step.input("model", train_.artifact("detector")).input("dataset", dataset).run();
  }

  TempDir directory_;
  StepRun train_{"detector", "detector.train"};
};

TEST_F(DetectorSteps, ScoresTheSameInAPipelineAndOnline) {
  const auto digits = digits::generate(1000, 1);
  train(digits, 500, 300, {{"epochs", 4}, {"quantile", 0.95}});
  ASSERT_EQ(train_.status(), SCANFLOW_OK) << train_.error();
  const json trained = train_.outputs();
  EXPECT_NEAR(trained["expected_share"].get<double>(), 0.05, 0.002);
  EXPECT_GT(trained["threshold"].get<double>(), trained["validation_error"].get<double>());
  const auto losses = train_.metrics("loss");
  ASSERT_EQ(losses.size(), 4U);
  EXPECT_LT(losses[3].value, losses[0].value) << "it learns";

  const auto rest = write_part(digits, 800, 1000, directory_ / "rest");
  StepRun batch("detector", "detector.score");
  score(batch, rest);
  ASSERT_EQ(batch.status(), SCANFLOW_OK) << batch.error();
  const json result = batch.outputs();
  EXPECT_EQ(result["count"], 200);
  EXPECT_FALSE(result["drift"].get<bool>()) << result.dump();
  EXPECT_EQ(result["threshold"], trained["threshold"]);
  const json scores = json::parse(read(batch.artifact("scores")));
  ASSERT_EQ(scores["scores"].size(), 200U);

  StepRun online("detector", "detector.score");
  online.input("model", train_.artifact("detector")).online([&](loader::StepInstance& step) {
    const auto read = data::read_dataset(rest);
    const std::vector<float> grey(read.pixels.begin(), read.pixels.end());
    const loader::Tensor images = {
        "images", SCANFLOW_FP32, {200, 1, 28, 28}, std::as_bytes(std::span(grey)), nullptr};
    const auto answer = step.infer(std::vector{images});
    ASSERT_TRUE(answer.ok()) << answer.error;
    ASSERT_EQ(answer.tensors.size(), 2U);
    EXPECT_EQ(answer.tensors[0].name, "score");
    EXPECT_EQ(answer.tensors[1].name, "outlier");
    const auto* values = reinterpret_cast<const float*>(answer.tensors[0].data.data());
    std::int64_t outliers = 0;
    for (std::size_t i = 0; i < 200; ++i) {
      EXPECT_NEAR(values[i], scores["scores"][i].get<double>(), 1e-6);
      outliers += static_cast<int>(answer.tensors[1].data[i]);
    }
    EXPECT_EQ(result["outliers"], outliers);
  });
  ASSERT_EQ(online.status(), SCANFLOW_OK) << online.error();

  StepRun noisy("detector", "detector.score");
  score(noisy, corrupted(rest, "impulse_noise"));
  ASSERT_EQ(noisy.status(), SCANFLOW_OK) << noisy.error();
  EXPECT_TRUE(noisy.outputs()["drift"].get<bool>()) << noisy.outputs().dump();
}

TEST_F(DetectorSteps, SameSeedSameBytes) {
  const auto digits = digits::generate(300, 1);
  const json config = {{"epochs", 1}, {"quantile", 0.9}, {"seed", 3}};
  train(digits, 200, 100, config);
  const std::string first = read(train_.artifact("detector"));
  StepRun again("detector", "detector.train");
  again.input("dataset", directory_ / "train")
      .input("validation", directory_ / "validation")
      .with(config)
      .run();
  ASSERT_EQ(again.status(), SCANFLOW_OK) << again.error();
  EXPECT_EQ(read(again.artifact("detector")), first);

  if (std::system("/usr/bin/python3 -c 'import torch' 2>/dev/null") != 0)
    GTEST_SKIP() << "python3-torch is not installed";
  const std::string program =
      "/usr/bin/python3 -c 'import torch; d = torch.load(\"" +
      train_.artifact("detector").string() +
      "\"); assert d[\"encode1.weight\"].shape == (128, 784); assert d[\"threshold\"] > 0; "
      "assert d[\"validation_count\"] == 100'";
  EXPECT_EQ(std::system(program.c_str()), 0);
}

TEST_F(DetectorSteps, SaysWhatDoesNotFit) {
  const auto digits = digits::generate(120, 1);
  train(digits, 100, 20, {{"epochs", 1}});
  EXPECT_EQ(
      train_.error(),
      "20 validation digits are too few for the quantile 0.99: give at least 99, or lower the "
      "quantile");
  std::ofstream(directory_ / "other") << "no weights";
  StepRun wrong("detector", "detector.score");
  wrong.input("model", directory_ / "other").online([](loader::StepInstance&) { FAIL(); });
  EXPECT_NE(wrong.error().find("expected is the artifact detector of detector.train"),
            std::string::npos)
      << wrong.error();
}

TEST_F(DetectorSteps, AModelIsNoDetector) {
  write_part(digits::generate(20, 1), 0, 20, directory_ / "train");
  StepRun model("torch_steps", "torch.train"), wrong("detector", "detector.score");
  model.input("dataset", directory_ / "train").with({{"epochs", 1}}).run();
  wrong.input("model", model.artifact("model")).online([](loader::StepInstance&) { FAIL(); });
  EXPECT_NE(wrong.error().find("holds no 'encode2.bias', so it is no detector"), std::string::npos)
      << wrong.error();
}

TEST_F(DetectorSteps, CancelEndsTheTraining) {
  train_.cancel_at_first_progress();
  train(digits::generate(300, 1), 200, 100, {{"epochs", 10'000}, {"quantile", 0.9}});
  EXPECT_EQ(train_.status(), SCANFLOW_CANCELLED) << train_.error();
}

TEST_F(DetectorSteps, TellsDriftOfRealDigits) {
  const auto digits = real_digits();
  if (digits.size() == 0) GTEST_SKIP() << kNoRealDigits;
  train(digits, 5000, 2000, json::object());
  ASSERT_EQ(train_.status(), SCANFLOW_OK) << train_.error();
  const auto stream = write_part(digits, 7000, 9000, directory_ / "stream");
  for (const char* way : {"identity", "brightness", "impulse_noise", "rotate"}) {
    StepRun step("detector", "detector.score");
    score(step, corrupted(stream, way));
    ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
    const json result = step.outputs();
    std::cout << way << ": share " << result["share"] << ", p " << result["p_value"] << '\n';
    const bool clean = way == std::string("identity");
    EXPECT_EQ(result["drift"], !clean) << way;
    if (clean) {
      EXPECT_NEAR(result["share"].get<double>(), 0.01, 0.01);
    } else {
      EXPECT_GT(result["share"].get<double>(), way == std::string("rotate") ? 0.03 : 0.9) << way;
    }
  }
}

}  // namespace
}  // namespace scanflow::test
