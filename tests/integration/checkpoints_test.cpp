// What an attempt leaves for the next one: of the same run, and of a run that repeats it.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string steps_pipeline(const std::string& steps) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nsteps:\n" + steps;
}

/// Says in the output `seen` how many attempts there were before, and fails until the file `mend` is
/// there.
const char* const kCount = R"(
      n=$(cat "$SCANFLOW_CHECKPOINTS/n" 2>/dev/null || echo 0)
      echo $((n + 1)) > "$SCANFLOW_CHECKPOINTS/n"
      echo "seen=$n" >> "$SCANFLOW_OUTPUT"
      echo "seen $n"
)";

class Checkpoints : public ::testing::Test {
 protected:
  std::string last_run() const {
    return last_line(scanflow_({"runs", "list", "-o", "json"})).at(0)["run"];
  }
  /// Directories below RUN/STEP.
  std::size_t kept(const std::string& run) const {
    std::size_t count = 0;
    const fs::path root = scanflow_.state() / "checkpoints" / run;
    if (!fs::exists(root)) return 0;
    for (const auto& step : fs::directory_iterator(root)) {
      for ([[maybe_unused]] const auto& work : fs::directory_iterator(step.path())) ++count;
    }
    return count;
  }
  std::string log_of(const std::string& step) const {
    return scanflow_({"runs", "logs", "last", step}).out;
  }

  const Scanflow scanflow_;
  const std::string mend_ = (scanflow_.files() / "mend").string();
};

TEST_F(Checkpoints, TheNextAttemptFindsThemAndSuccessEndsThem) {
  const std::string file = scanflow_.files().write(
      "p.yaml",
      steps_pipeline("  - name: count\n    retry: {limit: 2, backoff: {initial: 1ms}}\n    run: |" +
                     std::string(kCount) + "      [ $n = 2 ]\n"));
  const Output run = scanflow_({"run", file});
  ASSERT_EQ(run.exit, 0) << run.out << run.err;
  EXPECT_NE(log_of("count").find("an earlier attempt has left checkpoints: "), std::string::npos)
      << log_of("count");
  EXPECT_NE(log_of("count").find("seen 2"), std::string::npos) << log_of("count");
  EXPECT_EQ(kept(last_run()), 0u);
}

TEST_F(Checkpoints, ARunThatRepeatsAFailedOneTakesThemOver) {
  const std::string file = scanflow_.files().write(
      "p.yaml", steps_pipeline("  - name: count\n    run: |" + std::string(kCount) + "      [ -e " +
                               mend_ + " ]\n"));
  EXPECT_EQ(scanflow_({"run", file}).exit, 1);
  const std::string first = last_run();
  EXPECT_EQ(kept(first), 1u);
  EXPECT_EQ(scanflow_({"runs", "retry", first}).exit, 1);
  const std::string second = last_run();
  EXPECT_EQ(kept(first), 0u);
  EXPECT_EQ(kept(second), 1u);
  scanflow_.files().write("mend", "");
  EXPECT_EQ(scanflow_({"runs", "retry", second}).exit, 0);
  EXPECT_NE(log_of("count").find("seen 2"), std::string::npos) << log_of("count");
  EXPECT_EQ(kept(last_run()), 0u);
}

TEST_F(Checkpoints, SoDoesARunThatAStepCalls) {
  scanflow_.files().write("inner.yaml",
                          steps_pipeline("  - name: count\n    run: |" + std::string(kCount) +
                                         "      [ -e " + mend_ + " ]\n"));
  const std::string file =
      scanflow_.files().write("p.yaml", steps_pipeline("  - {name: call, pipeline: inner.yaml}\n"));
  EXPECT_EQ(scanflow_({"run", file}).exit, 1);
  scanflow_.files().write("mend", "");
  const Output retry = scanflow_({"runs", "retry", "last", "-o", "json"});
  EXPECT_EQ(retry.exit, 0) << retry.out << retry.err;
  EXPECT_NE(log_of("call/count").find("seen 1"), std::string::npos) << log_of("call/count");
}

TEST_F(Checkpoints, OtherInputsBeginAnew) {
  const std::string file = scanflow_.files().write(
      "p.yaml",
      steps_pipeline(
          "  - {name: give, run: 'echo \"v=$(ls " + scanflow_.files().path().string() +
          " | grep -c mend)\" >> \"$SCANFLOW_OUTPUT\"'}\n" +
          "  - name: count\n    needs: [give]\n    with: {v: '${{ steps.give.outputs.v }}'}\n "
          "   run: |" +
          std::string(kCount) + "      [ -e " + mend_ + " ]\n"));
  EXPECT_EQ(scanflow_({"run", file}).exit, 1);
  scanflow_.files().write("mend", "");
  const Output retry = scanflow_({"runs", "retry", "last", "--from", "give"});
  EXPECT_EQ(retry.exit, 0) << retry.out << retry.err;
  EXPECT_NE(log_of("count").find("seen 0"), std::string::npos) << log_of("count");
}

TEST_F(Checkpoints, GoWithTheRun) {
  const std::string file = scanflow_.files().write(
      "p.yaml",
      steps_pipeline("  - name: count\n    run: |" + std::string(kCount) + "      exit 1\n"));
  EXPECT_EQ(scanflow_({"run", file}).exit, 1);
  const std::string run = last_run();
  EXPECT_EQ(kept(run), 1u);
  EXPECT_EQ(scanflow_({"runs", "delete", run}).exit, 0);
  EXPECT_FALSE(fs::exists(scanflow_.state() / "checkpoints" / run));
}

/// Who does not ask for it does not pay for it.
TEST_F(Checkpoints, NobodyMakesThemUnasked) {
  const std::string file =
      scanflow_.files().write("p.yaml", steps_pipeline("  - {name: a, run: exit 1}\n"));
  EXPECT_EQ(scanflow_({"run", file}).exit, 1);
  EXPECT_FALSE(fs::exists(scanflow_.state() / "checkpoints"));
}

}  // namespace
}  // namespace scanflow::test
