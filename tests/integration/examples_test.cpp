// pipelines/examples: each runs as it is, and gives what it says.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kExamples = fs::path(SCANFLOW_SOURCE_DIR) / "pipelines/examples";

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(kExamples)) {
    if (entry.path().extension() == ".yaml") found.push_back(entry.path().stem().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

class Example : public testing::TestWithParam<std::string> {
 protected:
  json run(const std::string& name) {
    const Output output = scanflow_({"run", (kExamples / (name + ".yaml")).string(), "-o", "json"});
    EXPECT_EQ(output.exit, 0) << output.err << output.out;
    return last_line(output);
  }
  Scanflow scanflow_;
};

TEST_P(Example, RunsAsItIsAndIsInTheIndex) {
  EXPECT_EQ(run(GetParam())["status"], "succeeded");
  const std::string index = read(kExamples / "README.md");
  EXPECT_NE(index.find("(" + GetParam() + ".yaml)"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(All, Example, testing::ValuesIn(names()), [](const auto& name) {
  std::string text = name.param;
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
});

class Examples : public Example {};

TEST_F(Examples, GiveWhatTheySay) {
  EXPECT_EQ(step(run("matrix"), "pick")["outputs"]["model"], "small");
  EXPECT_EQ(step(run("for-each"), "merge")["outputs"]["rows"], 8);
  EXPECT_EQ(step(run("sub-pipeline"), "add")["outputs"]["sum"], 3);
  EXPECT_EQ(step(run("outputs-and-artifacts"), "read")["outputs"]["twice"], 10);
  EXPECT_EQ(step(run("gang"), "mean")["outputs"]["mean"], 4.5);
  const json train = step(run("python"), "train");
  EXPECT_EQ(train["outputs"]["loss"], 0.125);
  EXPECT_EQ(train["artifacts"]["model"]["bytes"], 6);
  const json publish = step(run("metrics"), "publish");
  EXPECT_EQ(publish["outputs"]["worst"], 0.8);
  EXPECT_EQ(publish["outputs"]["median"], 0.5);
  EXPECT_EQ(step(run("sidecar"), "simulate")["outputs"]["saved"], "67108864 bytes of state");
  EXPECT_EQ(step(run("retries"), "flaky")["attempts"], 3);
  const json conditions = run("conditions-and-handlers");
  EXPECT_EQ(step(conditions, "publish")["status"], "skipped");
  EXPECT_EQ(step(conditions, "notify")["outputs"]["status"], "succeeded");
  EXPECT_EQ(step(run("cache"), "prepare")["status"], "succeeded");
  EXPECT_EQ(step(run("cache"), "prepare")["status"], "cached");
}

TEST_F(Examples, RegisteredOnesCallEachOtherByName) {
  const Output applied = scanflow_({"apply", "-f", kExamples / "registered"});
  EXPECT_EQ(applied.exit, 0) << applied.err;
  const Output output = scanflow_({"run", "weekly", "-o", "json"});
  ASSERT_EQ(output.exit, 0) << output.err << output.out;
  EXPECT_EQ(step(last_line(output), "all")["outputs"]["text"], "sum 6");
}

}  // namespace
}  // namespace scanflow::test
