// The demonstration, small: digits drift, and the service is better again by itself.
#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/control/ledger.hpp"
#include "engine/store/store.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::AnyOf;
using testing::HasSubstr;

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::unique_ptr<Program> start(const TempDir& out) {
  const std::string path = SCANFLOW_BINARY_DIR "/bin:" + std::string(::getenv("PATH"));
  return std::make_unique<Program>(
      std::vector<std::string>{SCANFLOW_SOURCE_DIR "/pipelines/mnist/loop/run", "--fast", "--out",
                               out.path().string()},
      Program::Environment{{"PATH", path}});
}

TEST(ClosedLoop, NoticesRetrainsPromotesAndSwapsByItself) {
  const TempDir out;
  const auto program = start(out);
  const Output ran = program->wait(std::chrono::minutes(6));
  ASSERT_EQ(ran.exit, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("sudden (1 seed): clean"));
  EXPECT_THAT(text_of(out.path() / "report.html"), HasSubstr("promoted, swapped"));
  const auto trial = out.path() / "results" / "sudden-1";
  const json figures = json::parse(text_of(trial / "figures.json"));
  EXPECT_EQ(figures.at("failed"), 0) << "requests";
  double nothing = 0, loop = 0;
  for (std::size_t i = 0; i < figures.at("who").size(); ++i) {
    const json& who = figures.at("who")[i];
    if (who.at("digits") != "drifted") continue;
    if (who.at("who") == "nothing") nothing = figures.at("accuracy")[i];
    if (who.at("who") == "loop") loop = figures.at("accuracy")[i];
  }
  EXPECT_GT(loop, nothing + 0.1) << "on drifted digits that nobody had looked at";
}

/// Twice: when a retraining has just begun, and when a better model was just promoted.
TEST(ClosedLoop, AServerThatIsKilledCarriesOnWhereItWas) {
  if (::getenv("SCANFLOW_SLOW") == nullptr) GTEST_SKIP() << "a minute: ctest -C slow -L slow";
  const TempDir out;
  const auto program = start(out);
  const auto trial = out.path() / "trials" / "sudden-1";
  const auto decided = [&](const std::string& agent) {
    const auto store = store::Store::open_read_only(trial / "state");
    if (!store) return std::vector<control::Decision>();
    const control::Ledger ledger(**store);
    return ledger.decisions({.agent = "mnist-dataengineering/" + agent, .limit = 1000})
        .value_or(std::vector<control::Decision>());
  };
  const auto kill = [&] {
    const int pid = std::stoi(text_of(trial / "server.pid"));
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
  };
  const auto done = [&](const std::string& agent) {
    const auto all = decided(agent);
    return std::count_if(all.begin(), all.end(),
                         [](const control::Decision& each) { return each.state == "done"; });
  };
  const auto soon = std::chrono::minutes(2);
  ASSERT_TRUE(eventually([&] { return done("planner") > 0; }, soon)) << program->err();
  kill();
  ASSERT_TRUE(eventually([&] { return done("executor") > 1; }, soon)) << program->err();
  kill();
  const Output ran = program->wait(std::chrono::minutes(6));
  ASSERT_EQ(ran.exit, 0) << ran.err;
  const auto store = store::Store::open_read_only(trial / "state");
  ASSERT_TRUE(store) << store.error().message;
  const auto runs = (*store)->find_runs("");
  ASSERT_TRUE(runs) << runs.error().message;
  std::map<std::string, int> by;  // the decision that began it
  for (const store::RunRow& each : *runs)
    if (each.trigger.starts_with("agent")) ++by[each.trigger];
  EXPECT_GT(by.size(), 2U);
  for (const auto& [trigger, times] : by) EXPECT_EQ(times, 1) << trigger;
  for (const char* agent : {"tracker", "checker", "planner", "executor"}) {
    for (const control::Decision& each : decided(agent))
      EXPECT_THAT(each.state, AnyOf("done", "nothing", "held")) << to_json(each);
  }
}

}  // namespace
}  // namespace scanflow::test
