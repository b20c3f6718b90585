// retain: runs beyond it are deleted when one has ended.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string retaining(const std::string& retain, const std::string& steps) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\n" + retain + steps;
}

std::vector<std::string> runs(const Scanflow& scanflow) {
  std::vector<std::string> ids;
  for (const json& run : last_line(scanflow({"runs", "list", "-o", "json"})))
    ids.push_back(run["run"]);
  return ids;
}

TEST(Retain, KeepsTheNewestRunsAndDeletesLogsWithTheOthers) {
  const Scanflow scanflow;
  const std::string step = "steps: [{name: a, run: echo x}]\n";
  const std::string all = scanflow.files().write("all.yaml", retaining("", step));
  const std::string two =
      scanflow.files().write("two.yaml", retaining("retain: {runs: 2}\n", step));
  for (int i = 0; i < 3; ++i) ASSERT_EQ(scanflow({"run", all}).exit, 0);
  const auto before = runs(scanflow);
  ASSERT_EQ(before.size(), 3u);
  ASSERT_EQ(scanflow({"run", two}).exit, 0);
  const auto after = runs(scanflow);
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(after[1], before[0]);
  EXPECT_TRUE(fs::exists(scanflow.state() / "runs" / before[0]));
  EXPECT_FALSE(fs::exists(scanflow.state() / "runs" / before[1]));
}

TEST(Retain, LeavesAloneWhatGoesOnOrIsReferredTo) {
  const Scanflow scanflow;
  const std::string file = scanflow.files().write(
      "p.yaml",
      retaining("retain: {age: 1us}\nparams: {ask: false}\n",
                "steps: [{name: a, run: echo}, {name: gate, approve: true, needs: [a], when: '${{ "
                "params.ask }}'}, {name: b, needs: [gate], run: echo}]\n"));
  const auto first = scanflow.start({"run", file, "-p", "ask=true"});
  ASSERT_TRUE(eventually([&] {
    return scanflow({"runs", "approve", "last", "gate", "--reject"}).exit == 0;
  }));
  ASSERT_EQ(first->wait().exit, 1);
  const std::string failed = runs(scanflow).at(0);
  const auto retry = scanflow.start({"runs", "retry", failed});
  ASSERT_TRUE(
      eventually([&] { return retry->out().find("waits for an approval") != std::string::npos; }));
  const std::string going = runs(scanflow).at(0);
  ASSERT_EQ(scanflow({"run", file}).exit, 0);
  ASSERT_EQ(scanflow({"run", file}).exit, 0);
  // Of the last two the one before the last has gone; the retry goes on, what it retries stays.
  EXPECT_TRUE(eventually([&] { return runs(scanflow).size() == 3; })) << runs(scanflow).size();
  EXPECT_EQ(runs(scanflow).at(1), going);
  EXPECT_EQ(runs(scanflow).at(2), failed);
  EXPECT_EQ(scanflow({"runs", "approve", going, "gate"}).exit, 0);
  EXPECT_EQ(retry->wait().exit, 0);
  EXPECT_EQ(runs(scanflow), std::vector<std::string>{going}) << "the one that has just ended stays";
}

}  // namespace
}  // namespace scanflow::test
