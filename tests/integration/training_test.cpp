// A training that is killed in the middle: the next attempt goes on from its checkpoint, and comes to
// the same weights as one that nobody has disturbed.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t kEpochs = 12;

class KilledTraining : public testing::Test {
 protected:
  std::string pipeline(const std::string& retry) const {
    return scanflow_.files().write(
        "train.yaml",
        "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: train}\nsteps:\n"
        "  - {name: draw, uses: digits.generate, with: {count: 1500}}\n"
        "  - name: train\n"
        "    needs: [draw]\n    uses: torch.train\n" +
            retry +
            "    with:\n"
            "      dataset: '${{ steps.draw.artifacts.digits }}'\n"
            "      epochs: " +
            std::to_string(kEpochs) + "\n      checkpoint_every: 1\n");
  }
  /// Checkpoints of all runs.
  std::vector<fs::path> kept() const {
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& entry :
         fs::recursive_directory_iterator(scanflow_.state() / "checkpoints", error)) {
      if (entry.path().filename() == "training.checkpoint") files.push_back(entry.path());
    }
    return files;
  }
  /// Of the processes that have the plugin one is the warm parent, which forks the others: the one
  /// that trains, and a spare. The one that has worked more.
  pid_t training() const {
    pid_t most = 0;
    long most_ticks = -1;
    for (const pid_t pid : scanflow_.processes()) {
      const auto [parent, ticks] = parent_and_ticks(pid);
      if (!has_plugin(pid) || !has_plugin(parent) || ticks <= most_ticks) continue;
      most_ticks = ticks;
      most = pid;
    }
    return most;
  }
  static bool has_plugin(pid_t pid) {
    return read("/proc/" + std::to_string(pid) + "/cmdline").find("torch_steps.so") !=
           std::string::npos;
  }
  /// proc(5): fields 4 and 14, the latter of the time in user mode; -1 where it is gone.
  static std::pair<pid_t, long> parent_and_ticks(pid_t pid) {
    const std::string stat = read("/proc/" + std::to_string(pid) + "/stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 1));
    std::vector<std::string> values{std::istream_iterator<std::string>(fields), {}};
    if (values.size() < 12) return {0, -1};
    return {std::stoi(values[1]), std::stol(values[11])};
  }
  std::string weights(const json& result) const {
    return step(result, "train")["artifacts"]["model"]["sha256"];
  }

  const Scanflow scanflow_;
};

TEST_F(KilledTraining, TheSecondAttemptGoesOnFromItsCheckpoint) {
  const std::string file =
      pipeline("    retry: {limit: 1, backoff: {initial: 1ms}, on: [crash]}\n    cache: false\n");
  const auto run = scanflow_.start({"run", file, "-o", "json"});
  ASSERT_TRUE(eventually([&] { return !kept().empty(); })) << run->out() << run->err();
  const pid_t victim = training();
  ASSERT_GT(victim, 0);
  ASSERT_EQ(::kill(victim, SIGKILL), 0);
  const Output output = run->wait();
  const json result = last_line(output);
  ASSERT_EQ(result["status"], "succeeded") << output.out << output.err;
  const json train = step(result, "train");
  ASSERT_EQ(train["attempts"], 2);
  EXPECT_GE(train["outputs"]["resumed_from_epoch"], 2);
  EXPECT_EQ(train["outputs"]["epochs"], kEpochs);
  const std::string log = scanflow_({"runs", "logs", "last", "train"}).out;
  EXPECT_NE(log.find("an earlier attempt has left checkpoints"), std::string::npos) << log;
  EXPECT_NE(log.find("going on from a checkpoint: epoch "), std::string::npos) << log;
  EXPECT_TRUE(kept().empty()) << "of no use once the step has succeeded";

  const json undisturbed = last_line(scanflow_({"run", file, "-o", "json"}));
  EXPECT_EQ(step(undisturbed, "train")["attempts"], 1);
  EXPECT_EQ(weights(result), weights(undisturbed));
}

TEST_F(KilledTraining, ARunThatRepeatsItGoesOnFromItsCheckpoint) {
  const std::string file = pipeline("    cache: false\n");
  const auto run = scanflow_.start({"run", file, "-o", "json"});
  ASSERT_TRUE(eventually([&] { return !kept().empty(); })) << run->out() << run->err();
  ASSERT_EQ(scanflow_({"runs", "cancel", "last"}).exit, 0);
  run->wait();
  ASSERT_EQ(kept().size(), 1u);
  const Output output = scanflow_({"runs", "retry", "last", "-o", "json"});
  const json result = last_line(output);
  ASSERT_EQ(result["status"], "succeeded") << output.out << output.err;
  EXPECT_GE(step(result, "train")["outputs"]["resumed_from_epoch"], 2);
  EXPECT_TRUE(kept().empty());
}

}  // namespace
}  // namespace scanflow::test
