// How a step ended, as a person is told: with the real sidecar.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

std::string training(const std::string& step, const std::string& script) {
  std::string text =
      "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nsteps:\n"
      "  - name: train\n" +
      step + "    run: |\n";
  for (std::size_t at = 0; at < script.size();) {
    const std::size_t end = std::min(script.find('\n', at), script.size());
    text += "      " + script.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return text;
}

class PostMortemTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(SCANFLOW_BINARY_DIR "/bin/scanflow-sidecar"))
      GTEST_SKIP() << "there is no scanflow-sidecar in this build";
  }
  Output run(const std::string& text) const {
    return scanflow_({"run", scanflow_.files().write("p.yaml", text)}, {{"LC_ALL", "C.UTF-8"}});
  }
  Output show(const char* locale = "C.UTF-8") const {
    return scanflow_({"runs", "show", "last"}, {{"LC_ALL", locale}});
  }
  json post_mortem() const {
    return step(last_line(scanflow_({"runs", "show", "last", "-o", "json"})), "train")
        .value("post_mortem", json());
  }
  Scanflow scanflow_;
};

// It begins to grow when its sidecar has been there for a while.
constexpr const char* kHoard = R"(exec python3 -c '
import time
hoard = []
for i in range(4): time.sleep(0.5)
for i in range(1000):
    hoard.append(bytearray(4 << 20))
    print("batch", i, flush=True)
    time.sleep(0.1)
')";

TEST_F(PostMortemTest, OfAStepThatRanOutOfMemory) {
  const Output ran = run(training("    resources: {limits: {memory: 150Mi}}\n", kHoard));
  EXPECT_EQ(ran.exit, 1);
  // In a line at the step, and whole behind the table.
  EXPECT_THAT(ran.out, HasSubstr("oom: out of memory: limit 150 MiB"));
  const std::size_t end = ran.out.find("train  failed after 1 attempt: oom\n");
  ASSERT_NE(end, std::string::npos) << ran.out;
  const std::size_t line = ran.out.find("\n      ");
  ASSERT_LT(line, end) << ran.out;
  EXPECT_THAT(ran.out.substr(line, ran.out.find('\n', line + 1) - line), HasSubstr("memory "));

  const Output shown = show();
  EXPECT_THAT(shown.out, HasSubstr("growing "));
  EXPECT_THAT(shown.out, HasSubstr(" MiB/s for "));
  EXPECT_THAT(shown.out, HasSubstr("\n  memory "));
  // It was between half and all of its limit when it was last seen.
  const std::string drawn = shown.out.substr(shown.out.find("\n  memory "));
  EXPECT_THAT(drawn.substr(0, drawn.find("  CPU ")),
              AnyOf(HasSubstr("▅"), HasSubstr("▆"), HasSubstr("▇"), HasSubstr("█")));
  EXPECT_THAT(shown.out, Not(HasSubstr("peak")));
  EXPECT_THAT(shown.out, HasSubstr("  CPU "));
  EXPECT_THAT(shown.out, HasSubstr("\n  last lines:\n    batch "));
  EXPECT_THAT(shown.out, Not(HasSubstr("\n  checkpoint")));
  const std::string ascii = show("C").out;
  const std::size_t memory = ascii.find("\n  memory ..");
  ASSERT_NE(memory, std::string::npos) << ascii;
  for (const char* block : {"▁", "▅", "▆", "▇", "█"})
    EXPECT_THAT(ascii.substr(memory), Not(HasSubstr(block)));

  const json told = post_mortem();
  EXPECT_EQ(told.value("cause", ""), "out_of_memory") << told;
  EXPECT_TRUE(told.contains("curves") && told.contains("memory") && told.contains("last_lines"))
      << told;
}

TEST_F(PostMortemTest, OfACrashAndOfTheCheckpointThatARetryGoesOnFrom) {
  const std::string crash = (scanflow_.files() / "crash").string();
  const std::string file = scanflow_.files().write("p.yaml", training("", R"(exec python3 -c '
import os, signal, time, scanflow
@scanflow.command(at_once=True)
def checkpoint():
    path = os.path.join(scanflow.checkpoint_dir(), "saved")
    open(path, "w").write("state")
    return {"path": path, "epoch": 3}
while not os.path.exists(")" + crash + R"("): time.sleep(0.01)
os.kill(os.getpid(), signal.SIGSEGV)
')"));
  const auto running = scanflow_.start({"run", file}, {{"LC_ALL", "C.UTF-8"}});
  ASSERT_TRUE(eventually([&] {
    const Output listed = scanflow_({"primitive", "list", "last", "train", "-o", "json"});
    if (listed.exit != 0) return false;
    const json offers = last_line(listed).value("offers", json::array());
    return std::any_of(offers.begin(), offers.end(), [](const json& each) {
      return each.at("name") == "checkpoint" && each.at("by") == "step";
    });
  }));
  const Output saved = scanflow_({"primitive", "send", "last", "train", "checkpoint"});
  ASSERT_EQ(saved.exit, 0) << saved.out << saved.err;
  scanflow_.files().write("crash", "");
  const Output ran = running->wait();
  EXPECT_EQ(ran.exit, 1) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("crash: killed by SIGSEGV"));
  const std::string out = show().out;
  EXPECT_THAT(out, HasSubstr("\n  checkpoint: epoch 3, taken "));
  EXPECT_THAT(out, HasSubstr(" before the end\n  go on from it: scanflow runs retry "));
  EXPECT_EQ(post_mortem()["signal"], "SIGSEGV");
}

TEST_F(PostMortemTest, OfAStepThatWasOverBeforeAnySidecarSawItTheLastLinesAreShown) {
  const Output ran = run(training("", "echo one\necho two\nexit 3\n"));
  EXPECT_EQ(ran.exit, 1);
  const std::string out = show().out;
  EXPECT_THAT(out, HasSubstr("exited with status 3; last line: two\n  last lines:\n    one\n"
                             "    two\n"));
  EXPECT_EQ(post_mortem()["last_lines"], json({"one", "two"}));
}

TEST_F(PostMortemTest, OfAStepWithinACalledPipelineIsShownToo) {
  std::string inner = training("", "echo one\necho two\nexit 3\n");
  scanflow_.files().write("inner.yaml", inner);
  const Output ran =
      run("apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: outer}\n"
          "steps: [{name: call, pipeline: inner.yaml}]\n");
  EXPECT_EQ(ran.exit, 1);
  EXPECT_THAT(show().out, HasSubstr("\ntrain  failed after 1 attempt: exit\n  last lines:\n"));
}

}  // namespace
}  // namespace scanflow::test
