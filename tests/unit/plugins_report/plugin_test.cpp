// report.html and model.register as the loader runs them: the built libraries, through the
// boundary.
#include <gtest/gtest.h>

#include "tests/support/step_run.hpp"
#include "tests/unit/plugins_report/sample.hpp"

namespace scanflow::report {
namespace {

using nlohmann::json;
using test::StepRun;

TEST(ReportStep, WritesThePageWithPictures) {
  const test::TempDir directory;
  json document = succeeded_run();
  write_misclassified(directory / "wrong", 7);
  document["steps"][3]["artifacts"]["misclassified"]["path"] = (directory / "wrong").string();
  StepRun step("report", "report.html");
  step.run_document(document).with({{"title", "Digits, nightly"}}).run();
  ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
  const std::string page = test::read(step.artifact("report") / "index.html");
  EXPECT_EQ(step.outputs()["bytes"], page.size());
  EXPECT_NE(page.find("<h1>Digits, nightly"), std::string::npos);
  EXPECT_NE(page.find("evaluate: 7 of 7 shown"), std::string::npos);
  EXPECT_NE(page.find("data:image/png;base64,"), std::string::npos);
  EXPECT_NE(step.outputs()["summary"].get<std::string>().find("about 6 steps"), std::string::npos);
}

TEST(ReportStep, AMissingPictureIsNoFailure) {
  StepRun step("report", "report.html");
  step.run_document(succeeded_run()).run();  // its artifact lies nowhere
  ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
  EXPECT_NE(
      test::read(step.artifact("report") / "index.html").find("No pictures of evaluate: /nowhere"),
      std::string::npos);
}

TEST(ReportStep, WithoutAnEngineItFails) {
  StepRun step("report", "report.html");
  EXPECT_EQ(step.run().status(), SCANFLOW_FAILED);
  EXPECT_FALSE(step.error().empty());
}

TEST(RegisterStep, AsksTheRegistryAndTellsTheVersion) {
  const test::TempDir directory;
  StepRun step("model", "model.register");
  step.registry_answers({{"name", "mnist_cnn"}, {"version", 3}, {"sha256", "abc"}})
      .with({{"name", "mnist_cnn"}, {"metrics", {{"accuracy", 0.98}}}, {"tags", {{"a", "b"}}}})
      .input("model", "/weights.pt")
      .input("card", directory.write("card", R"({"metrics": {"loss": 0.1}})"))
      .run();
  ASSERT_EQ(step.status(), SCANFLOW_OK) << step.error();
  EXPECT_EQ(json::parse(step.asked()), (json{{"name", "mnist_cnn"},
                                             {"input", "model"},
                                             {"metrics", {{"accuracy", 0.98}, {"loss", 0.1}}},
                                             {"tags", {{"a", "b"}}}}));
  EXPECT_EQ(step.outputs(), (json{{"name", "mnist_cnn"},
                                  {"version", 3},
                                  {"sha256", "abc"},
                                  {"summary", "registered mnist_cnn version 3"}}));
  EXPECT_EQ(step.log(), (std::vector<std::string>{"registered mnist_cnn version 3"}));
}

TEST(RegisterStep, RefusesABadNameBeforeItRuns) {
  StepRun step("model", "model.register");
  step.with({{"name", "My Model"}}).run();
  EXPECT_NE(step.status(), SCANFLOW_OK);
  EXPECT_EQ(step.asked(), "");
  EXPECT_NE(step.error().find("with.name 'My Model'"), std::string::npos) << step.error();
}

TEST(RegisterStep, SaysWhatIsWrongWithACard) {
  const test::TempDir directory;
  StepRun step("model", "model.register");
  step.with({{"name", "m"}}).input("model", "/w").input("card", directory.write("card", "[]"));
  EXPECT_EQ(step.run().status(), SCANFLOW_FAILED);
  EXPECT_NE(step.error().find("card is not a JSON object"), std::string::npos) << step.error();
}

}  // namespace
}  // namespace scanflow::report
