// `scanflow run` as its users have it: real files, real processes, the real store.
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

TEST(Run, CommandsPassParametersOutputsAndArtifactsOn) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"yaml(
params: {who: {type: string, default: world}}
steps:
  - name: make-it
    run: |
      echo "hello $SCANFLOW_PARAM_WHO" > "$SCANFLOW_ARTIFACTS/greeting"
      echo "length=${#SCANFLOW_PARAM_WHO}" >> "$SCANFLOW_OUTPUT"
    with: {who: "${{ params.who }}"}
  - name: read
    needs: [make-it]
    when: "${{ steps.make-it.outputs.length == 3 }}"
    run: echo "text=$(cat "$SCANFLOW_INPUT_GREETING")" >> "$SCANFLOW_OUTPUT"
    with: {greeting: "${{ steps.make-it.artifacts.greeting }}"}
  - name: never
    needs: [make-it]
    when: "${{ steps.make-it.outputs.length > 3 }}"
    run: exit 1
)yaml"));
  const Output output = scanflow({"run", file, "-p", "who=Ada", "-o", "json"});
  ASSERT_EQ(output.exit, 0) << output.err;
  const json result = last_line(output);
  EXPECT_EQ(result["status"], "succeeded");
  EXPECT_EQ(step(result, "make-it")["outputs"]["length"], 3);
  EXPECT_EQ(step(result, "read")["outputs"]["text"], "hello Ada");
  EXPECT_EQ(step(result, "never")["status"], "skipped");
  EXPECT_EQ(read(step(result, "make-it")["artifacts"]["greeting"]["path"].get<std::string>()),
            "hello Ada\n");
}

TEST(Run, AFailureIsToldWithItsCauseItsLogAndWhatToDo) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"(
steps:
  - {name: bad, run: "echo going down; exit 3"}
  - {name: after, needs: [bad], uses: noop}
on_failure:
  - {name: mourn, run: "echo sorry"}
)"));
  const Output output = scanflow({"run", file});
  EXPECT_EQ(output.exit, 1);
  EXPECT_NE(output.out.find("exit"), std::string::npos) << output.out;
  EXPECT_NE(output.out.find("status 3"), std::string::npos) << output.out;
  EXPECT_NE(output.out.find("scanflow runs logs"), std::string::npos) << output.out;
  const Output logs = scanflow({"runs", "logs", "last", "bad"});
  EXPECT_EQ(logs.out, "going down\n");
  const Output mourn = scanflow({"runs", "logs", "last", "mourn"});
  EXPECT_EQ(mourn.out, "sorry\n");
  const json shown = last_line(scanflow({"runs", "show", "last", "-o", "json"}));
  EXPECT_EQ(step(shown, "bad")["error"]["cause"], "exit");
  EXPECT_EQ(step(shown, "after")["status"], "cancelled");
  EXPECT_EQ(step(shown, "after")["error"]["cause"], "upstream");
}

TEST(Run, RetriesAndSucceeds) {
  Scanflow scanflow;
  const std::string counter = scanflow.files() / "count";
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"yaml(
steps:
  - name: flaky
    run: |
      echo x >> "$COUNTER"
      [ "$(wc -l < "$COUNTER")" -ge 3 ]
    retry: {limit: 5, backoff: {initial: 10ms}}
)yaml"));
  const Output output = scanflow({"run", file, "-o", "json"}, {{"COUNTER", counter}});
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  EXPECT_EQ(step(last_line(output), "flaky")["attempts"], 3);
}

TEST(Run, ATimeoutEndsTheStepAndAllItsChildren) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"(
steps:
  - {name: slow, run: "sleep 1000 & sleep 1000", timeout: 200ms}
)"));
  const Output output = scanflow({"run", file, "-o", "json"});
  EXPECT_EQ(output.exit, 1);
  EXPECT_EQ(step(last_line(output), "slow")["error"]["cause"], "timeout");
  EXPECT_TRUE(eventually([&] { return scanflow.processes().empty(); })) << "orphans are left";
}

TEST(Run, InterruptCancelsCleanly) {
  Scanflow scanflow;
  const std::string marker = scanflow.files() / "started";
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"(
steps:
  - {name: slow, run: "touch )" + marker + R"(; sleep 1000"}
on_exit:
  - {name: clean, run: "echo cleaned"}
)"));
  const auto run = scanflow.start({"run", file});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(marker); })) << run->err();
  run->signal(SIGINT);
  const Output output = run->wait();
  EXPECT_EQ(output.exit, 130) << output.out << output.err;
  EXPECT_EQ(scanflow({"runs", "logs", "last", "clean"}).out, "cleaned\n");
  EXPECT_TRUE(eventually([&] { return scanflow.processes().empty(); })) << "orphans are left";
}

TEST(Run, ASecondRunSkipsWhatTheCacheHas) {
  Scanflow scanflow;
  const std::string counter = scanflow.files() / "count";
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"(
params: {n: {type: int, default: 1}}
steps:
  - name: work
    cache: true
    run: |
      echo x >> )" + counter + R"(
      echo "n=$SCANFLOW_PARAM_N" >> "$SCANFLOW_OUTPUT"
      echo data > "$SCANFLOW_ARTIFACTS/file"
    with: {n: "${{ params.n }}"}
)"));
  ASSERT_EQ(scanflow({"run", file}).exit, 0);
  const Output second = scanflow({"run", file});
  EXPECT_EQ(second.exit, 0);
  EXPECT_NE(second.out.find("cached from"), std::string::npos) << second.out;
  EXPECT_EQ(read(counter), "x\n");
  EXPECT_EQ(scanflow({"run", file, "-p", "n=2"}).exit, 0);
  EXPECT_EQ(read(counter), "x\nx\n") << "another configuration must run";
  EXPECT_EQ(scanflow({"run", file, "--no-cache"}).exit, 0);
  EXPECT_EQ(read(counter), "x\nx\nx\n");
  const json shown = last_line(scanflow({"run", file, "-o", "json"}));
  EXPECT_EQ(step(shown, "work")["status"], "cached");
  EXPECT_EQ(step(shown, "work")["outputs"]["n"], 1);
  EXPECT_EQ(last_line(scanflow({"cache", "clear", "--older-than", "1h", "-o", "json"}))["cleared"],
            0);
  EXPECT_EQ(last_line(scanflow({"cache", "clear", "-o", "json"}))["cleared"], 2);
  EXPECT_EQ(scanflow({"run", file}).exit, 0);
  EXPECT_EQ(read(counter), "x\nx\nx\nx\n");
  EXPECT_EQ(scanflow({"cache", "clear", "--older-than", "soon"}).exit, 2);
}

TEST(Run, TwoAtOnceOnOneStateDirectoryBothFinish) {
  Scanflow scanflow;
  const std::string gate = scanflow.files() / "gate";
  const std::string first_file = scanflow.files().write("first.yaml", pipeline(R"(
steps:
  - {name: a, run: "touch )" + gate + R"(.a; while [ ! -e )" + gate + R"( ]; do sleep 0.01; done"}
)"));
  const std::string second_file =
      scanflow.files().write("second.yaml", pipeline(R"(
steps:
  - {name: b, run: "touch )" + gate + R"(.b; while [ ! -e )" +
                                                     gate + R"(2 ]; do sleep 0.01; done; echo b"}
  - {name: c, needs: [b], run: "echo c"}
)"));
  const auto first = scanflow.start({"run", first_file, "-j", "2"});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(gate + ".a"); })) << first->err();
  const auto second = scanflow.start({"run", second_file, "-j", "2", "-o", "json"});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(gate + ".b"); })) << second->err();
  scanflow.files().write("gate", "");
  EXPECT_EQ(first->wait().exit, 0) << first->err();
  // The engine that the second run was submitted to is gone: the second takes over, and finds its
  // attempt again.
  scanflow.files().write("gate2", "");
  const Output output = second->wait();
  EXPECT_EQ(output.exit, 0) << output.out << output.err;
  const json result = last_line(output);
  EXPECT_EQ(step(result, "b")["attempts"], 1);
  EXPECT_EQ(step(result, "c")["status"], "succeeded");
}

TEST(Run, StepsHaveTheEnvironmentOfWhoeverAskedForTheRun) {
  Scanflow scanflow;
  const std::string base = scanflow.files().path().string();
  const std::string holder =
      scanflow.files().write("holder.yaml", pipeline(R"(
steps:
  - {name: a, run: "touch )" + base + R"(/held; while [ ! -e )" +
                                                     base + R"(/gate ]; do sleep 0.01; done"}
)"));
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"(
steps:
  - {name: a, run: 'echo "said=$WHO" >> "$SCANFLOW_OUTPUT"'}
  - {name: b, run: 'echo "said=$WHO" >> "$SCANFLOW_OUTPUT"', env: {WHO: "the step"}}
)"));
  const auto first = scanflow.start({"run", holder, "-j", "4"}, {{"WHO", "the engine"}});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(base + "/held"); })) << first->err();
  const json result =
      last_line(scanflow({"run", file, "-j", "4", "-o", "json"}, {{"WHO", "the client"}}));
  EXPECT_EQ(step(result, "a")["outputs"]["said"], "the client");
  EXPECT_EQ(step(result, "b")["outputs"]["said"], "the step");
  scanflow.files().write("gate", "");
  EXPECT_EQ(first->wait().exit, 0);
}

TEST(Run, StepsStartWhereTheCallerIs) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write(
      "p.yaml",
      pipeline("steps: [{name: a, run: 'echo \"at=$(pwd -P)\" >> \"$SCANFLOW_OUTPUT\"'}]\n"));
  const json result = last_line(scanflow({"run", file, "-o", "json"}));
  EXPECT_EQ(step(result, "a")["outputs"]["at"], std::filesystem::current_path().string());
}

TEST(Run, APipelineMayComeFromStdinAndRunQuietly) {
  Scanflow scanflow;
  const std::string file =
      scanflow.files().write("p.yaml", pipeline("steps:\n  - {name: a, run: \"true\"}\n"));
  const auto piped = [&](const std::string& arguments) {
    return Program({"sh", "-c",
                    std::string(SCANFLOW_BINARY_DIR) + "/bin/scanflow --state " +
                        scanflow.state().string() + " " + arguments + " < " + file},
                   {{"XDG_RUNTIME_DIR", scanflow.files().path().string()}})
        .wait();
  };
  const Output ran = piped("run --quiet -");
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_EQ(ran.out.find(" at once"), std::string::npos) << "no progress:\n" << ran.out;
  EXPECT_NE(ran.out.find("succeeded in"), std::string::npos) << ran.out;
  EXPECT_EQ(piped("validate -").out, "<stdin>: p is valid (1 step)\n");
}

TEST(Run, ManyRunsAtOnceShareOneEngine) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"(
steps:
  - {name: a, run: "true"}
  - {name: b, needs: [a], run: "true"}
)"));
  std::vector<std::unique_ptr<Program>> runs;
  for (int i = 0; i < 12; ++i) runs.push_back(scanflow.start({"run", file}));
  for (const auto& run : runs) {
    const Output output = run->wait();
    EXPECT_EQ(output.exit, 0) << output.out << output.err;
  }
  EXPECT_EQ(last_line(scanflow({"runs", "list", "-o", "json"})).size(), 12u);
}

/// A run whose engine is killed while its step `train` waits for the file `gate`. `train` counts its
/// attempts in `count`.
class KilledEngine : public testing::Test {
 protected:
  /// then: what the step does behind the gate; steps: more of them.
  void run(const std::string& then, const std::string& steps = "") {
    const std::string file = scanflow.files().write("p.yaml", pipeline(R"(
steps:
  - name: train
    run: |
      echo x >> )" + count + R"(
      while [ ! -e )" + path("gate") + R"( ]; do sleep 0.01; done
      )" + then + "\n" + steps));
    const auto engine = scanflow.start({"run", file});
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(count); })) << engine->err();
    engine->signal(SIGKILL);
    engine->wait();
  }
  void open_gate() const { scanflow.files().write("gate", ""); }
  std::string path(const std::string& name) const { return scanflow.files() / name; }

  Scanflow scanflow;
  const std::string count = path("count");
};

TEST_F(KilledEngine, ItsAttemptIsFoundAgainAndNotRunTwice) {
  run(R"(echo "accuracy=0.97" >> "$SCANFLOW_OUTPUT")",
      R"(  - {name: after, needs: [train], run: "echo ok"})");
  const json interrupted = last_line(scanflow({"runs", "list", "-o", "json"}));
  EXPECT_EQ(interrupted[0]["status"], "interrupted");
  const auto resumed = scanflow.start({"runs", "resume", "last", "-o", "json"});
  open_gate();
  const Output output = resumed->wait();
  EXPECT_EQ(output.exit, 0) << output.out << output.err;
  const json result = last_line(output);
  EXPECT_EQ(step(result, "train")["outputs"]["accuracy"], 0.97);
  EXPECT_EQ(step(result, "train")["attempts"], 1);
  EXPECT_EQ(read(count), "x\n") << "trained again";
}

TEST_F(KilledEngine, AResultThatCameWhileItWasAwayIsTaken) {
  run(R"(echo model > "$SCANFLOW_ARTIFACTS/model"; touch )" + path("done"));
  open_gate();
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(path("done")); }));
  const Output output = scanflow({"run", "--resume", "last", "-o", "json"});
  EXPECT_EQ(output.exit, 0) << output.out << output.err;
  EXPECT_EQ(read(step(last_line(output), "train")["artifacts"]["model"]["path"].get<std::string>()),
            "model\n");
  EXPECT_EQ(read(count), "x\n") << "trained again";
}

TEST(Resume, ASupervisorWhoseStateDirectoryIsGoneMakesRoom) {
  Scanflow scanflow;
  const std::string marker = scanflow.files() / "started";
  const std::string slow = scanflow.files().write(
      "slow.yaml", pipeline("steps: [{name: a, run: 'touch " + marker + "; sleep 1000'}]\n"));
  const auto run = scanflow.start({"run", slow});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(marker); })) << run->err();
  run->signal(SIGKILL);
  run->wait();
  std::filesystem::remove_all(scanflow.state());
  const std::string file =
      scanflow.files().write("p.yaml", pipeline("steps: [{name: a, run: 'true'}]\n"));
  const Output output = scanflow({"run", file});
  EXPECT_EQ(output.exit, 0) << output.out << output.err;
  EXPECT_TRUE(eventually([&] { return scanflow.processes().empty(); })) << "orphans are left";
}

TEST(Resume, OfAFinishedRunShowsIt) {
  Scanflow scanflow;
  const std::string file =
      scanflow.files().write("p.yaml", pipeline("steps: [{name: a, run: 'true'}]\n"));
  ASSERT_EQ(scanflow({"run", file}).exit, 0);
  const Output output = scanflow({"runs", "resume", "last", "-o", "json"});
  EXPECT_EQ(output.exit, 0);
  EXPECT_EQ(last_line(output)["status"], "succeeded");
}

TEST(Run, TheInprocBackendRunsNoopsAndRefusesCommands) {
  Scanflow scanflow;
  const std::string fine = scanflow.files().write(
      "fine.yaml", pipeline("steps: [{name: a, uses: noop}, {name: b, needs: [a], uses: noop}]\n"));
  EXPECT_EQ(scanflow({"run", fine, "--backend", "inproc"}).exit, 0);
  const std::string refused =
      scanflow.files().write("refused.yaml", pipeline("steps: [{name: a, run: 'true'}]\n"));
  const Output output = scanflow({"run", refused, "--backend", "inproc"});
  EXPECT_EQ(output.exit, 2);
  EXPECT_NE(output.err.find("refused.yaml:4:"), std::string::npos) << output.err;
  EXPECT_NE(output.err.find("--backend local"), std::string::npos) << output.err;
}

}  // namespace
}  // namespace scanflow::test
