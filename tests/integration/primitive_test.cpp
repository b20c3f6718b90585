// What is asked of running steps, on the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// Its step says which process it is.
std::string long_pipeline(const std::filesystem::path& pid) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: p}\n"
         "steps: [{name: long, run: \"echo $$ > " +
         pid.string() +
         "; while :; do sleep 0.05; done\"}, "
         "{name: later, needs: [long], uses: noop}]\n";
}

class PrimitiveTest : public testing::Test {
 protected:
  /// A run whose step does nothing for ever.
  std::unique_ptr<Program> begin() const {
    const std::string file =
        scanflow_.files().write("p.yaml", long_pipeline(scanflow_.files() / "pid"));
    auto run = scanflow_.start({"run", file});
    EXPECT_TRUE(eventually([&] {
      const Output shown = scanflow_({"runs", "show", "last", "-o", "json"});
      if (shown.exit != 0) return false;
      const json steps = last_line(shown)["steps"];
      return !steps.empty() && steps[0]["name"] == "long" && steps[0]["status"] == "running";
    }));
    return run;
  }

  Scanflow scanflow_;
};

TEST_F(PrimitiveTest, TheTableIsShown) {
  const Output listed = scanflow_({"primitive", "list"});
  EXPECT_EQ(listed.exit, 0) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr("OF A STEP     ARGUMENTS"));
  EXPECT_THAT(listed.out, HasSubstr("throttle      share, [for]"));
  const json all = last_line(scanflow_({"primitive", "list", "-o", "json"}));
  ASSERT_GT(all.size(), 10u);
  EXPECT_EQ(all[0]["name"], "pause");
  EXPECT_TRUE(all[0]["schema"]["properties"].contains("for"));
}

TEST_F(PrimitiveTest, WhatIsWrongIsSaidBeforeAnybodyIsAsked) {
  const auto error = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"primitive", "send"});
    const Output sent = scanflow_(std::move(words));
    EXPECT_EQ(sent.exit, 2) << sent.out;
    return sent.err;
  };
  EXPECT_THAT(error({"last", "long", "puase"}), HasSubstr("did you mean 'pause'?"));
  EXPECT_THAT(error({"last", "long", "throttle"}), HasSubstr("share"));
  EXPECT_THAT(error({"last", "long", "throttle", "-a", "share=lots"}), HasSubstr("share"));
  EXPECT_THAT(error({"last", "long", "throttle", "-a", "share"}), HasSubstr("NAME=VALUE"));
  EXPECT_THAT(error({"last", "long", "pause", "--for", "1s", "-a", "for=2s"}), HasSubstr("twice"));
  EXPECT_THAT(error({"last", "long", "pause", "--for", "soon"}), HasSubstr("arguments/for"));
  EXPECT_THAT(error({"last", "long", "pause", "--deadline", "0s"}), HasSubstr("above 0"));
  EXPECT_THAT(error({"last", "long", "pause"}), HasSubstr("there are no runs"));
  EXPECT_EQ(scanflow_({"primitive", "list", "last"}).exit, 2);
}

// Nobody can do this to a plain program: without a sidecar the deadline comes, with one it says so.
TEST_F(PrimitiveTest, WhatIsNotDoneIsShownWithItsRun) {
  const auto run = begin();
  const Output sent =
      scanflow_({"primitive", "send", "last", "long", "stop_early", "--deadline", "1s"});
  EXPECT_EQ(sent.exit, 1) << sent.err;
  EXPECT_THAT(sent.out, HasSubstr("stop_early of long by "));
  EXPECT_THAT(sent.out, testing::AnyOf(HasSubstr("EXPIRED"), HasSubstr("UNSUPPORTED")));
  EXPECT_THAT(scanflow_({"primitive", "send", "last", "later", "pause"}).err,
              HasSubstr("step later is pending; these run: long"));
  EXPECT_THAT(scanflow_({"primitive", "list", "last", "lng"}).err,
              HasSubstr("has no step 'lng'; these run: long"));
  EXPECT_EQ(scanflow_({"primitive", "list", "last", "long"}).exit, 0);

  const Output shown = scanflow_({"runs", "show", "last"});
  EXPECT_THAT(shown.out, HasSubstr("ASKED"));
  EXPECT_THAT(shown.out, HasSubstr("stop_early"));
  const json asked = last_line(scanflow_({"runs", "show", "last", "-o", "json"}))["primitives"];
  ASSERT_EQ(asked.size(), 1u) << asked;
  EXPECT_EQ(asked[0]["step"], "long");
  EXPECT_NE(asked[0]["outcome"], "DONE");
  EXPECT_TRUE(eventually([&] {
    return run->out().find("stop_early of long") != std::string::npos;
  })) << run->out();

  EXPECT_EQ(scanflow_({"runs", "cancel", "last"}).exit, 0);
  EXPECT_EQ(run->wait().exit, 130);
  const Output late = scanflow_({"primitive", "send", "last", "long", "pause"});
  EXPECT_EQ(late.exit, 2);
  // It is still there when no engine is.
  EXPECT_THAT(scanflow_({"runs", "show", "last"}).out, HasSubstr("stop_early"));
}

TEST_F(PrimitiveTest, IsCompleted) {
  const auto run = begin();
  EXPECT_EQ(scanflow_({"__complete", "primitive", ""}).out, "history\nlist\nsend\n");
  EXPECT_EQ(
      scanflow_({"__complete", "--state", scanflow_.state(), "primitive", "send", "last", ""}).out,
      "long\n");
  EXPECT_EQ(scanflow_({"__complete", "primitive", "send", "last", "long", "re"}).out,
            "reload_model\nrestart\nresume\n");
  EXPECT_EQ(
      scanflow_({"__complete", "primitive", "send", "last", "long", "throttle", "--arg", ""}).out,
      "for=\nshare=\n");
  EXPECT_EQ(scanflow_({"runs", "cancel", "last"}).exit, 0);
}

// With the sidecar that is beside the worker: a program is stopped, and goes on.
TEST_F(PrimitiveTest, PausesAndResumesAProgram) {
  if (!std::filesystem::exists(SCANFLOW_BINARY_DIR "/bin/scanflow-sidecar"))
    GTEST_SKIP() << "there is no scanflow-sidecar in this build";
  const auto run = begin();
  const auto state_of_step = [&] {
    const std::string pid = read(scanflow_.files() / "pid");
    const std::string stat = read("/proc/" + pid.substr(0, pid.find('\n')) + "/stat");
    const std::size_t end = stat.rfind(") ");
    return end == std::string::npos ? '?' : stat[end + 2];
  };
  const Output paused =
      scanflow_({"primitive", "send", "last", "long", "pause", "--for", "5m", "-o", "json"});
  ASSERT_EQ(paused.exit, 0) << paused.err << paused.out;
  EXPECT_EQ(last_line(paused)["outcome"], "DONE");
  EXPECT_TRUE(eventually([&] { return state_of_step() == 'T'; })) << state_of_step();
  const Output offers = scanflow_({"primitive", "list", "last", "long"});
  EXPECT_THAT(offers.out, HasSubstr("by its sidecar"));
  const Output resumed = scanflow_({"primitive", "send", "last", "long", "resume"});
  ASSERT_EQ(resumed.exit, 0) << resumed.err << resumed.out;
  EXPECT_TRUE(eventually([&] { return state_of_step() != 'T'; }));
  // It ends the step, and the run with it: its outcome is told all the same.
  const Output ended = scanflow_({"primitive", "send", "last", "long", "terminate"});
  EXPECT_EQ(ended.exit, 0) << ended.err << ended.out;
  EXPECT_EQ(run->wait().exit, 1);
  for (const json& each :
       last_line(scanflow_({"runs", "show", "last", "-o", "json"}))["primitives"])
    EXPECT_EQ(each["outcome"], "DONE") << each;
}

}  // namespace
}  // namespace scanflow::test
