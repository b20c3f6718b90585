#include "plugins/steps/report/meaning.hpp"

#include <gtest/gtest.h>

#include "tests/unit/plugins_report/sample.hpp"

namespace scanflow::report {
namespace {

std::vector<std::string> commands(const RunRecord& run) {
  std::vector<std::string> out;
  for (const Advice& advice : next_steps(run)) out.push_back(advice.command);
  return out;
}

TEST(Meaning, OfARunThatSucceeded) {
  EXPECT_EQ(meaning(parse_run(succeeded_run(), "report")),
            (std::vector<std::string>{
                "The accuracy that evaluate measured is 98.10 % (1,962 of 2,000 right).",
                "Of 2 candidates train[model=cnn2] has the best validation accuracy: 98.50 %, "
                "against 97.12 % of the next.",
                "Registered as mnist_cnn version 3."}));
}

TEST(Meaning, OfARunThatFailed) {
  EXPECT_EQ(meaning(parse_run(failed_run(), "report")),
            (std::vector<std::string>{"train[model=cnn2] failed after 2 attempts: out of memory.",
                                      "evaluate, register did not run because of that."}));
}

TEST(Meaning, TrainingAccuracyIsNotTakenForATest) {
  json run = succeeded_run();
  run["steps"][3]["status"] = "skipped";
  EXPECT_EQ(judged(parse_run(run, "report")), nullptr);
}

TEST(Meaning, OfAnyOtherPipeline) {
  json run = {{"run", "x"},
              {"steps", {{{"name", "a"}, {"status", "succeeded"}, {"summary", "42 rows"}}}}};
  EXPECT_EQ(meaning(parse_run(run, "")), (std::vector<std::string>{"a: 42 rows"}));
  run["steps"][0]["summary"] = "";
  EXPECT_EQ(meaning(parse_run(run, "")),
            (std::vector<std::string>{"1 of 1 step succeeded in 0 ms."}));
  run["steps"][0]["status"] = "cached";
  EXPECT_EQ(meaning(parse_run(run, "")).at(0),
            "1 step came from the cache: nothing that it depends on had changed.");
}

TEST(NextSteps, AreCommandsToCopy) {
  EXPECT_EQ(commands(parse_run(succeeded_run(), "report")),
            (std::vector<std::string>{
                "scanflow runs show 0193f2c1-7d0a-7c44-9e51-2f0b6a9d1e77",
                "scanflow runs logs 0193f2c1-7d0a-7c44-9e51-2f0b6a9d1e77 'train[model=cnn2]'",
                "scanflow run PIPELINE.yaml -p epochs=10"}));
}

TEST(NextSteps, OfAFailureBeginWithItsStep) {
  const RunRecord run = parse_run(failed_run(), "report");
  EXPECT_EQ(commands(run).at(0),
            "scanflow runs logs 0193f2c1-7d0a-7c44-9e51-2f0b6a9d1e77 'train[model=cnn2]'");
  EXPECT_NE(next_steps(run).at(0).why.find("raise resources.limits.memory"), std::string::npos);
}

}  // namespace
}  // namespace scanflow::report
