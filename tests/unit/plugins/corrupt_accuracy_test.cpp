// What the corruptions cost a network, on real digits: drift must cost enough to be worth an answer.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "plugins/common/digit_set.hpp"
#include "plugins/steps/data/corruptions.hpp"
#include "tests/support/step_run.hpp"
#include "tests/unit/plugins/real_digits.hpp"

namespace scanflow::test {
namespace {

double accuracy(const std::filesystem::path& model, const std::filesystem::path& dataset) {
  StepRun evaluate("torch_steps", "torch.evaluate");
  evaluate.input("model", model).input("dataset", dataset).run();
  EXPECT_EQ(evaluate.status(), SCANFLOW_OK) << evaluate.error();
  return evaluate.outputs()["accuracy"];
}

double accuracy_under(const std::string& way, double severity, const std::filesystem::path& model,
                      const std::filesystem::path& dataset) {
  StepRun corrupt("data", "data.corrupt");
  corrupt.input("dataset", dataset).with({{"ways", {way}}, {"severity", severity}}).run();
  EXPECT_EQ(corrupt.status(), SCANFLOW_OK) << corrupt.error();
  return accuracy(model, corrupt.artifact("dataset"));
}

TEST(CorruptAccuracy, BrightnessAndImpulsesCostFifteenPoints) {
  const auto digits = real_digits();
  if (digits.size() == 0) GTEST_SKIP() << kNoRealDigits;
  const TempDir directory;
  const auto train = write_part(digits, 0, 6000, directory / "train"),
             test = write_part(digits, 6000, 8000, directory / "test");
  StepRun training("torch_steps", "torch.train");
  training.input("dataset", train).with({{"epochs", 3}}).run();
  ASSERT_EQ(training.status(), SCANFLOW_OK) << training.error();
  const auto model = training.artifact("model");

  const double clean = accuracy(model, test);
  EXPECT_GT(clean, 0.94);
  std::cout << "| corruption | 0.25 | 0.5 | 0.75 | 1 |\n";
  const auto ways = corruption::names();
  for (const std::string_view way : ways) {
    std::cout << "| " << way;
    double last = 0;
    for (const double severity : {0.25, 0.5, 0.75, 1.0}) {
      last = accuracy_under(std::string(way), severity, model, test);
      std::cout << " | " << std::lround(last * 1000) / 10.0;
    }
    std::cout << " |\n";
    const bool drift = way == "brightness" || way == "impulse_noise";
    EXPECT_LE(last, drift ? clean - 0.15 : clean + 0.01) << way;
  }
}

}  // namespace
}  // namespace scanflow::test
