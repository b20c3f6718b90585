// What is shown of runs: those that steps have called, and that a file is not as it was.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

std::string pipeline(const std::string& name, const std::string& rest) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: " + name + "}\n" + rest;
}

TEST(Shown, StepsOfCalledPipelinesStandWithinTheirStep) {
  const Scanflow scanflow;
  scanflow.files().write("inner.yaml", pipeline("inner", "steps: [{name: deep, run: echo}]\n"));
  scanflow.files().write(
      "middle.yaml",
      pipeline("middle", "params: {n: 1}\nsteps: [{name: mid, pipeline: inner.yaml}]\n"));
  const std::string file = scanflow.files().write(
      "outer.yaml", pipeline("outer",
                             "steps:\n  - {name: call, pipeline: middle.yaml, matrix: {n: "
                             "[1, 2]}, with: {n: '${{ matrix.n }}'}}\n"
                             "  - {name: plain, needs: [call], run: echo}\n"));
  const Output ran = scanflow({"run", file, "-o", "json"});
  ASSERT_EQ(ran.exit, 0) << ran.err;
  const json result = last_line(ran);
  EXPECT_EQ(last_line(scanflow({"runs", "show", "last", "-o", "json"}))["steps"], result["steps"]);
  EXPECT_FALSE(step(result, "plain").contains("run"));
  const std::string called = step(result, "call[n=2]")["run"];
  EXPECT_NE(called, step(result, "call[n=1]")["run"]);
  const json inner = last_line(scanflow({"runs", "show", called, "-o", "json"}));
  EXPECT_EQ(inner["pipeline"], "middle");
  EXPECT_TRUE(step(inner, "mid").contains("run"));

  const Output shown = scanflow({"runs", "show", "last"});
  const std::size_t first = shown.out.find("\n  ✓ call[n=1]");
  const std::size_t within = shown.out.find("\n    ✓ mid", first);
  const std::size_t deepest = shown.out.find("\n      ✓ deep", within);
  EXPECT_LT(deepest, shown.out.find("\n  ✓ call[n=2]")) << shown.out;
}

TEST(Shown, WhoResumesARunIsToldThatItsFileHasChanged) {
  const Scanflow scanflow;
  const std::string gate = "steps:\n  - {name: gate, approve: true}\n";
  const std::string file = scanflow.files().write(
      "p.yaml", pipeline("p", gate + "  - {name: a, needs: [gate], run: echo old}\n"));
  const auto interrupted = [&] {
    const auto run = scanflow.start({"run", file});
    EXPECT_TRUE(
        eventually([&] { return run->out().find("waits for an approval") != std::string::npos; }));
    run->signal(SIGKILL);
    run->wait();
  };
  const auto resumed = [&] {
    const auto run = scanflow.start({"runs", "resume", "last"});
    EXPECT_TRUE(eventually([&] {
      return scanflow({"runs", "approve", "last", "gate"}).exit == 0;
    }));
    const Output output = run->wait();
    EXPECT_EQ(output.exit, 0) << output.err;
    return output.err;
  };
  interrupted();
  scanflow.files().write("p.yaml", "# only a comment more\n" + read(file));
  EXPECT_EQ(resumed(), "");
  interrupted();
  scanflow.files().write("p.yaml",
                         pipeline("p", gate + "  - {name: a, needs: [gate], run: exit 1}\n"
                                              "  - {name: b, uses: noop}\n"));
  const std::string said = resumed();
  EXPECT_NE(said.find("p.yaml has changed: step 'a' changed (run), step 'b' added; the run goes on "
                      "as it began"),
            std::string::npos)
      << said;
  scanflow.files().write("p.yaml", pipeline("p", gate));
  interrupted();
  std::filesystem::remove(file);
  EXPECT_EQ(resumed(), "") << "it is not needed any more";
}

}  // namespace
}  // namespace scanflow::test
