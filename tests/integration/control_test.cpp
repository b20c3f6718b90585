// Runs that wait for people, expand as they go, and are stopped: with real processes.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sdk/base/uuid.hpp"
#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

bool asked(const Scanflow& scanflow, const std::string& step) {
  const Output events = scanflow({"runs", "events", "last"});
  return events.out.find("approval_requested " + step) != std::string::npos;
}

constexpr const char* kGate = R"yaml(
steps:
  - {name: gate, approve: "go on?"}
  - {name: after, needs: [gate], run: "echo by=${{ steps.gate.outputs.by }} >> $SCANFLOW_OUTPUT"}
)yaml";

TEST(Control, AForEachRunsItsItemsAndHandsTheirOutputsOn) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"yaml(
steps:
  - {name: list, run: "echo 'items=[3, 4, 5]' >> $SCANFLOW_OUTPUT"}
  - name: square
    needs: [list]
    for_each: "${{ steps.list.outputs.items }}"
    max_parallel: 2
    run: echo "n=$(( ${{ item }} * ${{ item }} ))" >> "$SCANFLOW_OUTPUT"
  - name: add
    needs: [square]
    run: echo "sum=${{ sum(collect(steps.square, 'outputs.n')) }}" >> "$SCANFLOW_OUTPUT"
)yaml"));
  const Output output = scanflow({"run", file, "-o", "json"});
  ASSERT_EQ(output.exit, 0) << output.err << output.out;
  const json result = last_line(output);
  EXPECT_EQ(step(result, "square[2]")["outputs"]["n"], 25);
  EXPECT_EQ(step(result, "add")["outputs"]["sum"], 50);
  EXPECT_EQ(result["steps"][1]["name"], "square") << "its instances follow it";
  EXPECT_EQ(result["steps"][2]["name"], "square[0]");
}

TEST(Control, AnApprovalIsAskedShownAndAnswered) {
  Scanflow scanflow;
  const auto run = scanflow.start({"run", scanflow.files().write("p.yaml", pipeline(kGate))});
  ASSERT_TRUE(eventually([&] { return run->out().find("runs approve") != std::string::npos; }))
      << run->out() << run->err();
  EXPECT_NE(run->out().find("gate waits for an approval: go on?"), std::string::npos);
  const Output wrong = scanflow({"runs", "approve", "last", "after"});
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_NE(wrong.err.find("these wait for one: gate"), std::string::npos) << wrong.err;
  EXPECT_EQ(scanflow({"runs", "approve", "last", "gate"}).exit, 0);
  EXPECT_EQ(run->wait().exit, 0);
  const Output late = scanflow({"runs", "approve", "last", "gate"});
  EXPECT_EQ(late.exit, 2);
  EXPECT_NE(late.err.find("is over"), std::string::npos) << late.err;
}

TEST(Control, ARunThatWaitsSaysForWhatUntilWhenAndHowItIsAnswered) {
  Scanflow scanflow;
  scanflow.files().write("inner.yaml", pipeline("steps: [{name: gate, approve: {message: deep, "
                                                "timeout: 1h, default: approve}}]"));
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"yaml(
steps:
  - {name: gate, approve: "go on?", matrix: {x: [a b]}}
  - {name: call, pipeline: inner.yaml}
)yaml"));
  const auto run = scanflow.start({"run", file, "--state", scanflow.state().string()});
  Output shown;
  ASSERT_TRUE(eventually([&] {
    shown = scanflow({"runs", "show", "last", "--state", scanflow.state().string()});
    return shown.out.find("gate waits for an approval: deep") != std::string::npos &&
           run->out().find("call/gate waits for an approval: deep") != std::string::npos;
  })) << run->out();
  const std::string state = " --state " + scanflow.state().string();
  const std::string id =
      last_line(scanflow({"runs", "show", "last", "-o", "json"}))["run"].get<std::string>();
  const std::string answer = "scanflow runs approve " + short_id(id);
  EXPECT_NE(run->out().find(answer + " call/gate" + state + "\n"), std::string::npos) << run->out();
  const std::string name =
      step(last_line(scanflow({"runs", "show", "last", "-o", "json"})), "gate[x=a b]")["name"];
  for (const std::string& said :
       {std::string("gate[x=a b] waits for an approval: go on?\n"),
        answer + " 'gate[x=a b]'" + state, std::string("gate waits for an approval: deep\n"),
        std::string("for as long as it takes"), std::string("; then it is approved\n"),
        std::string("\nrunning for ")}) {
    EXPECT_NE(shown.out.find(said), std::string::npos) << said << "\n" << shown.out;
  }
  EXPECT_EQ(shown.out.find("running for 0 us"), std::string::npos) << shown.out;
  EXPECT_EQ(scanflow({"runs", "list"}).out.find(" - "), std::string::npos) << "it has an age";
  const auto watcher = scanflow.start({"runs", "watch", id});
  EXPECT_TRUE(eventually([&] {
    return watcher->out().find("call/gate waits for an approval") != std::string::npos;
  })) << watcher->out();
  const Output wrong = scanflow({"runs", "approve", id, "call/other"});
  EXPECT_NE(wrong.err.find("these wait for one: gate[x=a b], call/gate"), std::string::npos)
      << wrong.err;
  EXPECT_EQ(scanflow({"runs", "approve", id, "call/gate"}).exit, 0) << "as it is shown";
  EXPECT_EQ(scanflow({"runs", "approve", id, name}).exit, 0);
  EXPECT_EQ(run->wait().exit, 0);
}

/// The engine is killed while its run waits for a person.
void run_and_kill_at_gate(const Scanflow& scanflow, const std::string& file) {
  const auto run = scanflow.start({"run", file});
  ASSERT_TRUE(eventually([&] { return asked(scanflow, "gate"); }));
  run->signal(SIGKILL);
  run->wait();
}

TEST(Control, AnApprovalSurvivesAKilledEngine) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", pipeline(kGate));
  run_and_kill_at_gate(scanflow, file);
  const Output nobody = scanflow({"runs", "approve", "last", "gate"});
  EXPECT_EQ(nobody.exit, 2);
  EXPECT_NE(nobody.err.find("scanflow runs resume"), std::string::npos) << nobody.err;
  const auto again = scanflow.start({"runs", "resume", "last", "-o", "json"});
  Output answered;
  ASSERT_TRUE(eventually([&] {
    answered = scanflow({"runs", "approve", "last", "gate", "--reject", "-m", "no"});
    return answered.exit == 0;
  })) << answered.err;
  const Output ended = again->wait();
  EXPECT_EQ(ended.exit, 1);
  const json gate = step(last_line(ended), "gate");
  EXPECT_EQ(gate["error"]["cause"], "rejected");
  EXPECT_NE(gate["error"]["message"].get<std::string>().find(": no"), std::string::npos);
}

TEST(Control, OthersWatchWaitAndCancel) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"yaml(
steps: [{name: long, run: "exec sleep 1000"}, {name: after, needs: [long], uses: noop}]
on_exit: [{name: end, run: echo end}]
)yaml"));
  const auto run = scanflow.start({"run", file, "-o", "json"});
  ASSERT_TRUE(eventually([&] {
    return scanflow({"runs", "events", "last"}).out.find("attempt_started   long") !=
           std::string::npos;
  }));
  const auto watcher = scanflow.start({"runs", "watch", "last"});
  const auto waiter = scanflow.start({"runs", "wait", "last"});
  ASSERT_TRUE(eventually([&] { return watcher->out().find("local") != std::string::npos; }))
      << watcher->err();
  EXPECT_EQ(scanflow({"runs", "cancel", "last"}).exit, 0);
  EXPECT_EQ(run->wait().exit, 130);
  EXPECT_EQ(watcher->wait().exit, 130);
  EXPECT_NE(watcher->out().find("end"), std::string::npos);
  EXPECT_EQ(waiter->wait().exit, 130);
  EXPECT_NE(waiter->out().find("cancelled: long stopped"), std::string::npos) << waiter->out();
  EXPECT_EQ(scanflow({"runs", "cancel", "last"}).exit, 2);
}

TEST(Control, WhoLeavesAtOnceIsToldOfTheRun) {
  Scanflow scanflow;
  const std::string deaf = scanflow.files() / "deaf";
  const auto run = scanflow.start({"run", scanflow.files().write("p.yaml", pipeline(R"yaml(
steps: [{name: long, run: "trap '' TERM; touch )yaml" + deaf + R"yaml(; while :; do sleep 1; done"}]
)yaml")),
                                   "-o", "json", "--state", scanflow.state().string()});
  const auto has = [&](const char* event) {
    return scanflow({"runs", "events", "last"}).out.find(event) != std::string::npos;
  };
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(deaf); }));
  run->signal(SIGINT);
  ASSERT_TRUE(eventually([&] { return has("cancel_requested"); }));
  run->signal(SIGINT);
  const Output left = run->wait();
  EXPECT_EQ(left.exit, 130);
  const json said = last_line(left);
  ASSERT_TRUE(said.contains("exit")) << left.out;
  EXPECT_EQ(said["exit"], 130) << left.out;
  EXPECT_EQ(said["run"], last_line(scanflow({"runs", "list", "-o", "json"}))[0]["run"]);
  EXPECT_NE(left.err.find("scanflow runs resume " + said["run"].get<std::string>() + " --state " +
                          scanflow.state().string()),
            std::string::npos)
      << left.err;
}

TEST(Control, AnInterruptedRunCanBeCancelled) {
  Scanflow scanflow;
  const auto run = scanflow.start({"run", scanflow.files().write("p.yaml", pipeline(kGate))});
  ASSERT_TRUE(eventually([&] { return asked(scanflow, "gate"); }));
  run->signal(SIGKILL);
  run->wait();
  EXPECT_EQ(scanflow({"runs", "watch", "last"}).exit, 3);
  const Output cancelled = scanflow({"runs", "cancel", "last", "-o", "json"});
  EXPECT_EQ(cancelled.exit, 0) << cancelled.err;
  EXPECT_EQ(last_line(cancelled)["status"], "cancelled");
}

TEST(Control, InterruptedRunsAreListedAsThat) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", pipeline(kGate));
  const auto count = [&](const std::string& status) {
    return last_line(scanflow({"runs", "list", "--status", status, "-o", "json"})).size();
  };
  run_and_kill_at_gate(scanflow, file);
  EXPECT_EQ(count("interrupted"), 1u);
  EXPECT_EQ(count("running"), 0u);
  EXPECT_EQ(last_line(scanflow({"runs", "list", "--status", "interrupted", "--status", "failed",
                                "-o", "json"}))[0]["status"],
            "interrupted");
  // Whatever else an engine does here by now.
  const auto other = scanflow.start({"run", file});
  ASSERT_TRUE(eventually([&] { return count("running") == 1; }));
  EXPECT_EQ(count("interrupted"), 1u);
  const json page = last_line(
      scanflow({"runs", "list", "--limit", "1", "--status", "interrupted", "-o", "json"}));
  ASSERT_EQ(page.size(), 1u);
  const auto again = scanflow.start({"runs", "resume", page[0]["run"]});
  ASSERT_TRUE(eventually([&] { return count("running") == 2; }));
  EXPECT_EQ(count("interrupted"), 0u);
}

TEST(Control, WhoWatchesAnInterruptedRunLeavesItAlone) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", pipeline(kGate));
  run_and_kill_at_gate(scanflow, file);
  const std::string id = last_line(scanflow({"runs", "list", "-o", "json"}))[0]["run"];
  const auto other = scanflow.start({"run", file});
  ASSERT_TRUE(eventually([&] { return other->out().find("runs approve") != std::string::npos; }));
  const Output watched = scanflow({"runs", "watch", id});
  EXPECT_EQ(watched.exit, 3) << watched.out;
  EXPECT_NE(watched.err.find("nobody goes on with it"), std::string::npos) << watched.err;
  EXPECT_EQ(scanflow({"runs", "approve", id, "gate"}).exit, 2) << "it went on";
}

TEST(Control, AllowedFailuresFailFastAndTheRunsTimeout) {
  Scanflow scanflow;
  const auto run = [&](const std::string& rest) {
    return last_line(
        scanflow({"run", scanflow.files().write("p.yaml", pipeline(rest)), "-o", "json"}));
  };
  const json allowed = run(
      "steps: [{name: a, run: exit 1, allow_failure: true}, {name: b, needs: [a], uses: noop}]");
  EXPECT_EQ(allowed["status"], "succeeded") << allowed;
  const json fast =
      run("fail_fast: true\nsteps: [{name: a, run: exit 1}, {name: b, run: exec sleep 1000}]");
  EXPECT_EQ(fast["status"], "failed");
  EXPECT_EQ(step(fast, "b")["error"]["cause"], "upstream") << fast;
  const json slow = run("timeout: 300ms\nsteps: [{name: a, run: exec sleep 1000}]");
  EXPECT_EQ(slow["status"], "failed");
  EXPECT_EQ(slow["summary"], "failed: its timeout was over; a (timeout)") << slow;
}

TEST(Control, HandlersKnowHowTheRunCameOut) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"yaml(
steps:
  - {name: early, run: "echo status=${{ run.status }} >> $SCANFLOW_OUTPUT"}
  - {name: bad, needs: [early], run: exit 3}
on_exit:
  - name: notify
    run: echo "said=${{ run.status }}, ${{ run.failed[1] }} of ${{ len(run.failed) }}" >> "$SCANFLOW_OUTPUT"
)yaml"));
  const Output output = scanflow({"run", file, "-o", "json"});
  EXPECT_EQ(output.exit, 1);
  EXPECT_EQ(step(last_line(output), "early")["outputs"]["status"], "running");
  EXPECT_EQ(step(last_line(output), "notify")["outputs"]["said"], "failed, bad of 1");
}

TEST(Control, RunsOfAGroupWaitForEachOther) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"yaml(
params: {who: {type: string, default: a}}
concurrency: {group: "team-${{ params.who }}"}
steps: [{name: gate, approve: true}]
)yaml"));
  const auto first = scanflow.start({"run", file});
  ASSERT_TRUE(eventually([&] { return asked(scanflow, "gate"); }));
  const auto second = scanflow.start({"run", file, "-o", "json"});
  const auto statuses = [&] {
    std::string text;
    const json runs = last_line(scanflow({"runs", "list", "-o", "json"}));
    for (const json& run : runs) text += run["status"].get<std::string>() + " ";
    return text;
  };
  EXPECT_TRUE(eventually([&] { return statuses() == "queued running "; })) << statuses();
  const auto other = scanflow.start({"run", file, "-p", "who=b"});
  EXPECT_TRUE(eventually([&] { return statuses() == "running queued running "; })) << statuses();
  const json runs = last_line(scanflow({"runs", "list", "-o", "json"}));
  EXPECT_EQ(scanflow({"runs", "approve", runs[2]["run"], "gate"}).exit, 0);
  EXPECT_EQ(first->wait().exit, 0);
  EXPECT_TRUE(eventually([&] {
    return scanflow({"runs", "approve", runs[1]["run"], "gate"}).exit == 0;
  }));
  EXPECT_EQ(second->wait().exit, 0) << second->err();
  EXPECT_TRUE(eventually([&] {
    return scanflow({"runs", "approve", runs[0]["run"], "gate"}).exit == 0;
  }));
  EXPECT_EQ(other->wait().exit, 0);
}

TEST(Control, ARunOfAGroupIsRefusedOrCancelsTheOthers) {
  Scanflow scanflow;
  const auto file = [&](const std::string& policy) {
    return scanflow.files().write(policy + ".yaml",
                                  pipeline("concurrency: {group: g, policy: " + policy +
                                           "}\nsteps: [{name: gate, approve: true}]"));
  };
  const auto first = scanflow.start({"run", file("queue")});
  ASSERT_TRUE(eventually([&] { return asked(scanflow, "gate"); }));
  const Output refused = scanflow({"run", file("reject")});
  EXPECT_EQ(refused.exit, 1);
  EXPECT_NE(refused.err.find("'g' has 1 of 1 runs at once"), std::string::npos) << refused.err;
  const auto winner = scanflow.start({"run", file("cancel_running")});
  EXPECT_EQ(first->wait().exit, 130);
  EXPECT_TRUE(eventually([&] { return scanflow({"runs", "approve", "last", "gate"}).exit == 0; }));
  EXPECT_EQ(winner->wait().exit, 0) << winner->err();
}

TEST(Control, ParametersFromAFileAndWhatNeverFits) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"yaml(
params: {who: string, times: {type: int, default: 1}}
steps: [{name: a, run: "echo said=${{ params.who }}-${{ params.times }} >> $SCANFLOW_OUTPUT"}]
)yaml"));
  const std::string params = scanflow.files().write("params.yaml", "who: ada\ntimes: 3\n");
  const Output output =
      scanflow({"run", file, "--params-file", params, "-p", "who=bo", "-o", "json"});
  ASSERT_EQ(output.exit, 0) << output.err;
  EXPECT_EQ(step(last_line(output), "a")["outputs"]["said"], "bo-3");
  const std::string list = scanflow.files().write("list.yaml", "[1, 2]");
  EXPECT_EQ(scanflow({"run", file, "--params-file", list}).exit, 2);
  const Output huge = scanflow(
      {"run",
       scanflow.files().write(
           "h.yaml",
           pipeline("steps: [{name: a, uses: noop, resources: {requests: {cpu: 100000}}}]"))});
  EXPECT_EQ(huge.exit, 2);
  EXPECT_NE(huge.err.find("step 'a' can never start: it requests 100000 CPUs"), std::string::npos)
      << huge.err;
}

TEST(Control, RunsAreFilteredAndDeleted) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write(
      "p.yaml",
      "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: q, namespace: team, labels: "
      "{tier: test}}\nsteps: [{name: a, run: echo x > $SCANFLOW_ARTIFACTS/big}]\n");
  ASSERT_EQ(scanflow({"run", file}).exit, 0);
  const std::string bad =
      scanflow.files().write("f.yaml", pipeline("steps: [{name: a, run: exit 1}]"));
  ASSERT_EQ(scanflow({"run", bad}).exit, 1);
  const auto names = [&](std::vector<std::string> options) {
    std::vector<std::string> argv{"runs", "list", "-o", "json"};
    argv.insert(argv.end(), options.begin(), options.end());
    std::string text;
    const json runs = last_line(scanflow(argv));
    for (const json& run : runs) text += run["pipeline"].get<std::string>();
    return text;
  };
  EXPECT_EQ(names({}), "pq");
  EXPECT_EQ(names({"-n", "team"}), "q");
  EXPECT_EQ(names({"-l", "tier in (test)"}), "q");
  EXPECT_EQ(names({"--status", "failed", "--since", "1h"}), "p");
  EXPECT_EQ(scanflow({"runs", "list", "-l", "tier in test"}).exit, 2);
  const std::string id =
      last_line(scanflow({"runs", "list", "-n", "team", "-o", "json"}))[0]["run"];
  EXPECT_TRUE(std::filesystem::exists(scanflow.state() / "runs" / id));
  const Output deleted = scanflow({"runs", "delete", id});
  EXPECT_EQ(deleted.exit, 0) << deleted.err;
  EXPECT_FALSE(std::filesystem::exists(scanflow.state() / "runs" / id));
  EXPECT_EQ(names({}), "p");
  EXPECT_EQ(scanflow({"runs", "show", id}).exit, 2);
}

TEST(Control, ARetryRunsWhatFailedAndWhatDependsOnIt) {
  Scanflow scanflow;
  const std::string witness = scanflow.files() / "witness";
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"yaml(
params: {witness: string}
defaults: {env: {WITNESS: "${{ params.witness }}"}}
steps:
  - {name: load, run: "echo load >> $WITNESS; echo x > $SCANFLOW_ARTIFACTS/data; echo 'n=[1,2]' >> $SCANFLOW_OUTPUT"}
  - {name: part, needs: [load], for_each: "${{ steps.load.outputs.n }}", run: "until [ ${{ item }} = 1 ] || grep -q part1 $WITNESS; do sleep 0.01; done; echo part${{ item }} >> $WITNESS; [ ${{ item }} = 1 ] || [ -e $WITNESS.ok ]"}
  - {name: end, needs: [part], with: {data: "${{ steps.load.artifacts.data }}"}, run: "cat $SCANFLOW_INPUT_DATA; echo end >> $WITNESS"}
on_exit: [{name: fin, uses: noop}]
)yaml"));
  ASSERT_EQ(scanflow({"run", file, "-p", "witness=" + witness, "-j", "2"}).exit, 1);
  EXPECT_EQ(read(witness), "load\npart1\npart2\n");
  scanflow.files().write("witness.ok", "");
  const Output again = scanflow({"runs", "retry", "last", "-o", "json"});
  EXPECT_EQ(again.exit, 0) << again.err;
  EXPECT_EQ(read(witness), "load\npart1\npart2\npart2\nend\n");
  EXPECT_EQ(step(last_line(again), "load")["status"], "cached");
  EXPECT_EQ(step(last_line(again), "part[0]")["status"], "cached");
  const Output nothing = scanflow({"runs", "retry", "last"});
  EXPECT_EQ(nothing.exit, 2);
  EXPECT_NE(nothing.err.find("--from STEP"), std::string::npos) << nothing.err;
  EXPECT_EQ(scanflow({"runs", "retry", "last", "--from", "end"}).exit, 0);
  EXPECT_EQ(read(witness), "load\npart1\npart2\npart2\nend\nend\n");
  const Output handler = scanflow({"runs", "retry", "last", "--from", "fin"});
  EXPECT_EQ(handler.exit, 2);
  EXPECT_NE(handler.err.find("'fin' is a handler"), std::string::npos) << handler.err;
  const Output wrong = scanflow({"runs", "retry", "last", "--from", "nd"});
  EXPECT_NE(wrong.err.find("did you mean 'end'?"), std::string::npos) << wrong.err;
}

TEST(Control, ARetryLooksIntoWhatAStepHasCalled) {
  Scanflow scanflow;
  const std::string witness = scanflow.files() / "witness";
  scanflow.files().write("inner.yaml", pipeline(R"yaml(
params: {witness: string}
steps:
  - {name: a, run: "echo a >> ${{ params.witness }}"}
  - {name: b, needs: [a], run: "echo b >> ${{ params.witness }}; [ -e ${{ params.witness }}.ok ]"}
)yaml"));
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"yaml(
params: {witness: string}
steps:
  - {name: pre, run: "echo pre >> ${{ params.witness }}"}
  - {name: call, needs: [pre], pipeline: inner.yaml, with: {witness: "${{ params.witness }}"}}
)yaml"));
  ASSERT_EQ(scanflow({"run", file, "-p", "witness=" + witness}).exit, 1);
  EXPECT_EQ(read(witness), "pre\na\nb\n");
  scanflow.files().write("witness.ok", "");
  const auto retry = [&](std::vector<std::string> more) {
    std::filesystem::remove(witness);
    more.insert(more.begin(), {"runs", "retry", "last"});
    const Output output = scanflow(more);
    EXPECT_EQ(output.exit, 0) << output.err;
    return std::filesystem::exists(witness) ? read(witness) : "";
  };
  EXPECT_EQ(retry({}), "b\n") << "pre and a had succeeded";
  EXPECT_EQ(retry({"--from", "call/b"}), "b\n");
  EXPECT_EQ(retry({"--from", "call"}), "a\nb\n") << "all of it";
  EXPECT_EQ(retry({"--from", "call/a"}), "a\nb\n");
  EXPECT_EQ(retry({"--from", "pre"}), "pre\na\nb\n") << "it depends on what runs again";
  const Output wrong = scanflow({"runs", "retry", "last", "--from", "call/c"});
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_NE(wrong.err.find("which call calls, has no step 'c'"), std::string::npos) << wrong.err;
}

TEST(Control, ARetryFromAStepWithAMatrixBeginsAllThatItCallsAgain) {
  Scanflow scanflow;
  const std::string witness = scanflow.files() / "witness";
  scanflow.files().write("inner.yaml",
                         pipeline("steps: [{name: a, run: echo a >> " + witness +
                                  "}, {name: b, needs: [a], run: '[ -e " + witness + ".ok ]'}]\n"));
  const std::string file = scanflow.files().write(
      "p.yaml", pipeline("steps: [{name: call, pipeline: inner.yaml, matrix: {x: [1, 2]}}]\n"));
  ASSERT_EQ(scanflow({"run", file}).exit, 1);
  scanflow.files().write("witness.ok", "");
  std::filesystem::remove(witness);
  EXPECT_EQ(scanflow({"runs", "retry", "last", "--from", "call"}).exit, 0);
  EXPECT_EQ(read(witness), "a\na\n");
}

constexpr const char* kSquare = R"yaml(
params: {n: {type: int}, data: {type: artifact}}
steps:
  - name: compute
    run: |
      echo "r=$(( ${{ params.n }} * ${{ params.n }} ))" >> "$SCANFLOW_OUTPUT"
      cp "$SCANFLOW_INPUT_DATA" "$SCANFLOW_ARTIFACTS/copy"
    with: {data: "${{ params.data }}"}
outputs: {result: "${{ steps.compute.outputs.r }}", copy: "${{ steps.compute.artifacts.copy }}"}
)yaml";

TEST(Control, APipelineCallsAnotherOne) {
  Scanflow scanflow;
  scanflow.files().write("square.yaml", pipeline(kSquare));
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"yaml(
steps:
  - {name: make, run: "echo hello > $SCANFLOW_ARTIFACTS/file"}
  - name: sq
    needs: [make]
    pipeline: square.yaml
    matrix: {n: [3, 4]}
    with: {n: "${{ matrix.n }}", data: "${{ steps.make.artifacts.file }}"}
  - name: use
    needs: [sq]
    run: |
      echo "sum=${{ sum(collect(steps.sq, 'outputs.result')) }}" >> "$SCANFLOW_OUTPUT"
      cat "$SCANFLOW_INPUT_COPY"
    with: {copy: "${{ steps.sq[1].artifacts.copy }}"}
)yaml"));
  const auto run = scanflow.start({"run", file});
  const Output ended = run->wait();
  ASSERT_EQ(ended.exit, 0) << ended.out << ended.err;
  EXPECT_NE(ended.out.find("sq[n=4]/compute"), std::string::npos) << "it is shown nested";
  EXPECT_NE(ended.out.find("sum=25"), std::string::npos) << ended.out;
}

TEST(Control, ACalledPipelineIsCheckedWithItsCaller) {
  Scanflow scanflow;
  scanflow.files().write("square.yaml", pipeline(kSquare));
  scanflow.files().write("broken.yaml", pipeline("steps: [{name: a, uses: nop}]"));
  scanflow.files().write("round.yaml", pipeline("steps: [{name: a, pipeline: round.yaml}]"));
  const Output output = scanflow({"validate", scanflow.files().write("p.yaml", pipeline(R"yaml(
steps:
  - {name: a, pipeline: square.yaml, with: {n: many, dta: 1}}
  - {name: b, pipeline: broken.yaml}
  - {name: c, pipeline: none.yaml}
  - {name: d, pipeline: round.yaml}
  - {name: e, pipeline: square.yaml, run: "true"}
  - {name: f, needs: [a], run: "echo ${{ steps.a.outputs.reslt }}"}
)yaml"))});
  EXPECT_EQ(output.exit, 2);
  for (const char* said :
       {"parameter 'n': 'many' is not a whole number", "has no parameter 'dta'",
        "did you mean 'data'?", "needs the parameter 'data'", "broken.yaml has 1 error",
        "did you mean 'noop'?", "none.yaml", "they call each other in a circle",
        "a step that calls a pipeline has no 'run'", "has no output 'reslt'",
        "did you mean 'result'?"}) {
    EXPECT_NE(output.err.find(said), std::string::npos) << said << "\n" << output.err;
  }
}

TEST(Control, ACalledPipelineSurvivesAKilledEngineAndIsCancelledWithItsCaller) {
  Scanflow scanflow;
  scanflow.files().write("inner.yaml", pipeline(R"yaml(
steps:
  - {name: first, run: "echo once >> ${{ params.witness }}; echo x=1 >> $SCANFLOW_OUTPUT"}
  - {name: gate, needs: [first], approve: true}
params: {witness: {type: string}}
outputs: {x: "${{ steps.first.outputs.x }}"}
)yaml"));
  const std::string witness = scanflow.files() / "witness";
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"yaml(
params: {witness: {type: string}}
steps: [{name: call, pipeline: inner.yaml, with: {witness: "${{ params.witness }}"}}]
)yaml"));
  const auto first = scanflow.start({"run", file, "-p", "witness=" + witness});
  ASSERT_TRUE(eventually([&] {
    return first->out().find("call/gate waits for an approval") != std::string::npos;
  })) << first->out()
      << first->err();
  first->signal(SIGKILL);
  first->wait();
  const json runs = last_line(scanflow({"runs", "list", "-o", "json"}));
  std::string outer;
  for (const json& run : runs) {
    if (run["steps"] == 1) outer = run["run"];
  }
  const auto again = scanflow.start({"runs", "resume", outer});
  ASSERT_TRUE(eventually([&] { return again->out().find("call/gate") != std::string::npos; }))
      << again->out() << again->err();
  EXPECT_EQ(read(witness), "once\n");
  EXPECT_EQ(scanflow({"runs", "cancel", outer}).exit, 0);
  EXPECT_EQ(again->wait().exit, 130) << again->out();
  for (const json& run : last_line(scanflow({"runs", "list", "-o", "json"}))) {
    EXPECT_EQ(run["status"], "cancelled") << run;
  }
}

TEST(Control, RunsShareAPool) {
  Scanflow scanflow;
  const auto holder = scanflow.start({"run", scanflow.files().write("h.yaml", pipeline(kGate))});
  ASSERT_TRUE(eventually([&] { return asked(scanflow, "gate"); }));
  const std::string inside = scanflow.files() / "inside";
  const std::string file = scanflow.files().write("p.yaml", pipeline(R"yaml(
params: {dir: string}
steps:
  - name: only
    pool: lock
    for_each: [1, 2, 3]
    run: mkdir "${{ params.dir }}" && rmdir "${{ params.dir }}"
)yaml"));
  std::vector<std::unique_ptr<Program>> runs;
  for (int i = 0; i < 4; ++i) {
    runs.push_back(scanflow.start({"run", file, "-j", "8", "-p", "dir=" + inside}));
  }
  for (const auto& run : runs) EXPECT_EQ(run->wait().exit, 0) << run->out();
}

}  // namespace
}  // namespace scanflow::test
