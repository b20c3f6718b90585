// Many `scanflow run`s on one state directory, all started at once: engines end and others take
// over all the time, and nobody sees anything of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/durability/trial.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

std::size_t crowd() {
  const char* given = std::getenv("SCANFLOW_CROWD");
  return given != nullptr ? std::strtoul(given, nullptr, 10) : 40;
}

TEST(Crowd, OfRunsAllEndRight) {
  const std::size_t count = crowd();
  Trial trial(scenario("short"), count);
  const Scanflow& scanflow = trial.scanflow();
  std::vector<std::unique_ptr<Program>> runs;
  for (std::size_t i = 0; i < count; ++i) runs.push_back(trial.start(i));
  std::vector<std::unique_ptr<Program>> others;
  for (std::size_t i = 0; i < count / 4; ++i) {
    std::string id;
    ASSERT_TRUE(eventually([&] { return !(id = trial.id(i * 4)).empty(); }));
    others.push_back(scanflow.start({"runs", "watch", id, "-o", "json"}));
    others.push_back(scanflow.start({"runs", "list"}));
    others.push_back(scanflow.start({"runs", "show", id}));
  }
  std::size_t cancelled = 0;
  for (std::size_t i = 0; i < count; i += 10) {
    const Output output = scanflow({"runs", "cancel", trial.id(i)});
    EXPECT_TRUE(output.exit == 0 || output.err.find("is over") != std::string::npos)
        << output.exit << output.out << output.err;
    cancelled += output.exit == 0;
  }
  std::size_t succeeded = 0;
  for (const auto& run : runs) {
    const Output output = run->wait(std::chrono::minutes(5));
    EXPECT_TRUE(output.exit == 0 || output.exit == 130) << output.exit << output.out << output.err;
    EXPECT_EQ(output.err, "");
    succeeded += output.exit == 0;
  }
  EXPECT_GE(succeeded + cancelled, count);
  for (const auto& other : others) {
    const Output output = other->wait(std::chrono::minutes(5));
    EXPECT_TRUE(output.exit == 0 || output.exit == 130) << output.exit << output.out << output.err;
  }
  EXPECT_EQ(Record(scanflow.state()).runs().size(), count);
  trial.check_what_is_left();
}

}  // namespace
}  // namespace scanflow::test
