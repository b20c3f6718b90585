// What is shown of runs: those that steps have called, and that a file is not as it was.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

std::string named_pipeline(const std::string& name, const std::string& rest) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: " + name + "}\n" + rest;
}

TEST(Shown, StepsOfCalledPipelinesStandWithinTheirStep) {
  const Scanflow scanflow;
  scanflow.files().write("inner.yaml",
                         named_pipeline("inner", "steps: [{name: deep, run: echo}]\n"));
  scanflow.files().write(
      "middle.yaml",
      named_pipeline("middle", "params: {n: 1}\nsteps: [{name: mid, pipeline: inner.yaml}]\n"));
  const std::string file = scanflow.files().write(
      "outer.yaml", named_pipeline("outer",
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

TEST(Shown, LogsAreThoseOfCalledPipelinesToo) {
  const Scanflow scanflow;
  scanflow.files().write("inner.yaml",
                         named_pipeline("inner",
                                        "params: {n: 1}\nsteps: [{name: deep, run: echo n"
                                        " is $N, env: {N: '${{ params.n }}'}}]\n"));
  const std::string file = scanflow.files().write(
      "outer.yaml",
      named_pipeline(
          "outer",
          "steps:\n  - {name: call, pipeline: inner.yaml, matrix: {n: [1, 2]}, with: {n: '${{ "
          "matrix.n }}'}}\n  - {name: plain, needs: [call], run: echo plain}\n"));
  ASSERT_EQ(scanflow({"run", file}).exit, 0);
  const auto logs = [&](const std::string& step) {
    const Output printed = scanflow({"runs", "logs", "last", step});
    return printed.out + printed.err;
  };
  const std::string one = "==> call[n=1]/deep attempt 1 <==\nn is 1\n",
                    two = "==> call[n=2]/deep attempt 1 <==\nn is 2\n";
  EXPECT_EQ(logs("call[n=1]/deep"), "n is 1\n");
  EXPECT_EQ(logs("call[n=2]"), two);
  EXPECT_EQ(logs("call"), one + two);
  EXPECT_EQ(logs("call/deep"), one + two);
  EXPECT_EQ(scanflow({"runs", "logs", "last"}).out, one + two + "==> plain attempt 1 <==\nplain\n");
  EXPECT_NE(logs("call[n=1]/dep").find("did you mean 'call[n=1]/deep'?"), std::string::npos);
}

TEST(Shown, TheStepThatMadeTheRunFailComesFirstAndItsLogIsNamed) {
  const Scanflow scanflow;
  const std::string file = scanflow.files().write(
      "p.yaml", named_pipeline("p",
                               "steps:\n"
                               "  - {name: a, run: exit 3, allow_failure: true}\n"
                               "  - {name: c, needs: [a], run: exit 4}\n"
                               "  - {name: d, needs: [c], run: echo}\n"));
  const Output ran = scanflow({"run", file, "--state", scanflow.state().string()});
  EXPECT_EQ(ran.exit, 1);
  const std::string end = ran.out.substr(ran.out.find("STEP"));
  const std::size_t real = end.find("\nc  failed after 1 attempt: exit\n");
  const std::size_t tolerated = end.find("\na  failed after 1 attempt, as it may (allow_failure)");
  EXPECT_NE(real, std::string::npos) << end;
  EXPECT_LT(real, tolerated) << end;
  EXPECT_NE(tolerated, std::string::npos) << end;
  EXPECT_NE(end.find("failed, as it may"), std::string::npos) << end;
  EXPECT_NE(end.find(" c --state " + scanflow.state().string() + "\n"), std::string::npos) << end;
  const json document = last_line(scanflow({"runs", "show", "last", "-o", "json"}));
  EXPECT_TRUE(step(document, "a")["tolerated"].get<bool>());
  EXPECT_FALSE(step(document, "c").contains("tolerated"));

  const std::string fine = scanflow.files().write(
      "q.yaml", named_pipeline("q",
                               "defaults: {allow_failure: true}\nsteps:\n"
                               "  - {name: a, matrix: {x: [1]}, run: exit 3}\n"));
  const Output succeeded = scanflow({"run", fine, "-o", "json"});
  EXPECT_EQ(succeeded.exit, 0);
  EXPECT_TRUE(step(last_line(succeeded), "a[x=1]").value("tolerated", false));
  const Output shown = scanflow({"runs", "show", "last"});
  EXPECT_NE(shown.out.find("as it may (allow_failure): exit: "), std::string::npos) << shown.out;
  EXPECT_EQ(shown.out.find("its log"), std::string::npos) << shown.out;
}

TEST(Shown, AStepThatNeverStartedHasNoLog) {
  const Scanflow scanflow;
  const std::string file = scanflow.files().write(
      "p.yaml",
      named_pipeline("p", "steps:\n  - {name: a, run: echo, env: {X: \"${{ run.id.x.y }}\"}}\n"));
  const Output ran = scanflow({"run", file});
  EXPECT_EQ(ran.exit, 1);
  EXPECT_NE(ran.out.find("\na  failed, never started: "), std::string::npos) << ran.out;
  EXPECT_EQ(ran.out.find("its log"), std::string::npos) << ran.out;
}

TEST(Shown, TheLogOfAFailureWithinACalledPipelineIsNamed) {
  const Scanflow scanflow;
  scanflow.files().write(
      "inner.yaml",
      named_pipeline("inner", "steps: [{name: deep, run: echo it is deep; exit 3}]\n"));
  const std::string file = scanflow.files().write(
      "p.yaml", named_pipeline("p", "steps: [{name: call, pipeline: inner.yaml}]\n"));
  const Output ran = scanflow({"run", file, "--state", scanflow.state().string()});
  EXPECT_EQ(ran.exit, 1);
  const std::string begin = "its log: ";
  const std::size_t at = ran.out.find(begin);
  ASSERT_NE(at, std::string::npos) << ran.out;
  std::string command = ran.out.substr(at + begin.size());
  command.erase(command.find('\n'));
  const Output pasted =
      Program({"bash", "-c", "PATH=" SCANFLOW_BINARY_DIR "/bin:$PATH; " + command}).wait();
  EXPECT_EQ(pasted.exit, 0) << command << pasted.err;
  EXPECT_NE(pasted.out.find("it is deep"), std::string::npos) << pasted.out;
}

TEST(Shown, OfThousandsOfStepsThePlansOwnAreSeen) {
  const Scanflow scanflow;
  const std::string file = scanflow.files().write(
      "p.yaml",
      named_pipeline("p",
                     "steps:\n"
                     "  - name: many\n"
                     "    for_each: \"${{ (function() local t = {} for i = 1, 300 do t[i] = i end "
                     "return t end)() }}\"\n"
                     "    when: \"${{ item > 1000 }}\"\n"
                     "    uses: noop\n"
                     "  - {name: fails, needs: [many], run: exit 3}\n"
                     "  - {name: other, needs: [many], matrix: {x: [1, 2]}, uses: noop}\n"));
  const Output ran = scanflow({"run", file, "-q"});
  EXPECT_EQ(ran.exit, 1);
  for (const char* said : {"\n  ✓ many ", "\n  ✗ fails ", "\n  – many[0] ", "\n  ✓ other[x=2] ",
                           "\n  and 244 more instances of many\n"}) {
    EXPECT_NE(ran.out.find(said), std::string::npos) << said << ran.out;
  }
}

TEST(Shown, WhoResumesARunIsToldThatItsFileHasChanged) {
  const Scanflow scanflow;
  const std::string gate = "steps:\n  - {name: gate, approve: true}\n";
  const std::string file = scanflow.files().write(
      "p.yaml", named_pipeline("p", gate + "  - {name: a, needs: [gate], run: echo old}\n"));
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
                         named_pipeline("p", gate + "  - {name: a, needs: [gate], run: exit 1}\n"
                                                    "  - {name: b, uses: noop}\n"));
  const std::string said = resumed();
  EXPECT_NE(said.find("p.yaml has changed: step 'a' changed (run), step 'b' added; what was "
                      "recorded is what runs"),
            std::string::npos)
      << said;
  scanflow.files().write("p.yaml", named_pipeline("p", gate));
  interrupted();
  std::filesystem::remove(file);
  EXPECT_EQ(resumed(), "") << "it is not needed any more";
}

TEST(Shown, WhoRetriesARunIsToldThatItsFileHasChanged) {
  const Scanflow scanflow;
  const std::string steps = "steps:\n  - {name: a, run: exit 1}\n";
  const std::string file = scanflow.files().write("p.yaml", named_pipeline("p", steps));
  EXPECT_EQ(scanflow({"run", file}).exit, 1);
  scanflow.files().write("p.yaml", named_pipeline("p", steps + "  - {name: b, uses: noop}\n"));
  const Output retried = scanflow({"runs", "retry", "last"});
  EXPECT_EQ(retried.exit, 1);
  EXPECT_NE(retried.err.find("p.yaml has changed: step 'b' added; what was recorded is what runs"),
            std::string::npos)
      << retried.err;
}

}  // namespace
}  // namespace scanflow::test
