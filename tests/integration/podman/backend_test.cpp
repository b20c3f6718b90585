// Pipelines whose steps are real Pods: images made of what was built here, sidecars, the hub over the bridge.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <set>

#include "tests/integration/podman/pod_backend.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(PodBackend, ArtifactsOutputsMetricsAndLogsPassBetweenPods) {
  const Output output = run(R"(
  - name: make
    run: |
      mkdir -p $SCANFLOW_ARTIFACTS/data/deep
      echo 42 > $SCANFLOW_ARTIFACTS/data/deep/answer
      printf '#!/bin/sh\necho ran as $(id -u)\n' > $SCANFLOW_ARTIFACTS/tool && chmod +x $SCANFLOW_ARTIFACTS/tool
      echo n=7 >> $SCANFLOW_OUTPUT
      echo 'loss 0.5 step=3' >> $SCANFLOW_METRICS
  - name: use
    needs: [make]
    run: cat $SCANFLOW_INPUT_DATA/deep/answer && $SCANFLOW_INPUT_TOOL && echo n is $SCANFLOW_PARAM_N
    with:
      data: ${{ steps.make.artifacts.data }}
      tool: ${{ steps.make.artifacts.tool }}
      n: ${{ steps.make.outputs.n }}
)");
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  EXPECT_THAT(scanflow_({"runs", "logs", last_run(), "use"}).out,
              HasSubstr("42\nran as 65532\nn is 7\n"));
  const Output stored = Program({"sqlite3", (scanflow_.state() / "scanflow.db").string(),
                                 "select name, value, step from series"})
                            .wait();
  EXPECT_EQ(stored.out, "loss|0.5|3\n") << stored.err;
}

TEST_F(PodBackend, AnyImageRunsACommand) {
  const Output output = run(fmt::format(R"(
  - name: any
    image: {}-python:latest
    command: [python3, -c]
    args: ['import os; print("threads", os.environ["SCANFLOW_THREADS"], os.environ["GREETING"])']
    env: {{GREETING: hello}}
    resources: {{limits: {{cpu: 1, memory: 64Mi}}}}
)",
                                        kImages));
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  EXPECT_THAT(scanflow_({"runs", "logs", last_run(), "any"}).out, HasSubstr("threads 1 hello"));
}

TEST_F(PodBackend, VolumesAreMountedAndAClaimOutlivesItsPod) {
  const TempDir data;
  write(data / "in" / "digits", "0123456789");
  std::filesystem::permissions(data.path(), std::filesystem::perms(0755));
  const std::string claim = "scanflow-test-" + std::to_string(::getpid());
  const Output output = run(fmt::format(R"(
  - name: fill
    run: |
      cat /data/digits > /cache/kept && echo gone > /room/file
      touch /data/new || echo read-only as asked
    volumes:
      - {{path: /data, host_path: {}, read_only: true}}
      - {{path: /cache, claim: {}}}
      - {{path: /room, size: 1Mi}}
  - name: look
    needs: [fill]
    run: cat /cache/kept && ls /room
    volumes: [{{path: /cache, claim: {}, read_only: true}}, {{path: /room}}]
)",
                                        (data / "in").string(), claim, claim));
  Program({"podman", "volume", "rm", "--force", claim}).wait();
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  EXPECT_THAT(scanflow_({"runs", "logs", last_run(), "fill"}).out, HasSubstr("read-only as asked"));
  const std::string log = scanflow_({"runs", "logs", last_run(), "look"}).out;
  EXPECT_THAT(log, HasSubstr("0123456789"));
  EXPECT_EQ(log.find("file"), std::string::npos) << "an empty volume is the Pod's own\n" << log;
}

TEST_F(PodBackend, IsPausedSteeredAndStoppedInsideItsPod) {
  const auto program = start(R"(
  - name: train
    command: [python3, -c]
    args:
      - |
        import time, scanflow
        state = {"rate": 1.0, "stop": False}
        @scanflow.command(at_once=True)
        def set_param(name, value):
            state[name] = value
            return {name: value}
        @scanflow.command(at_once=True)
        def stop_early():
            state["stop"] = True
        print("began", flush=True)
        for i in range(3000):
            scanflow.metric("rate", state["rate"], step=i)
            if state["stop"]: break
            time.sleep(0.02)
        print("stopped at rate", state["rate"])
)");
  ASSERT_TRUE(runs("train")) << program->err();
  ASSERT_TRUE(logged("began"));
  const auto send = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"primitive", "send", last_run(), "train"});
    return scanflow_(words);
  };
  const Output paused = send({"pause", "--for", "60s"});
  EXPECT_EQ(paused.exit, 0) << paused.out << paused.err;
  EXPECT_EQ(send({"resume"}).exit, 0);
  const Output set = send({"set_param", "-a", "name=rate", "-a", "value=0.25"});
  EXPECT_EQ(set.exit, 0) << set.out << set.err;
  EXPECT_THAT(scanflow_({"top", "--once"}).out, HasSubstr("train"));
  EXPECT_EQ(send({"stop_early"}).exit, 0);
  EXPECT_EQ(program->wait().exit, 0) << program->err();
  EXPECT_THAT(scanflow_({"runs", "logs", last_run()}).out, HasSubstr("stopped at rate 0.25"));
}

TEST_F(PodBackend, AStepThatEatsTooMuchSaysSoWithItsPostMortem) { eat_too_much(); }

TEST_F(PodBackend, TheEngineIsKilledAndTheNextGoesOnWithItsPods) { kill_the_engine(); }

TEST_F(PodBackend, RanksOfAGangMeetEachInAPod) { meet(); }
TEST_F(PodBackend, AnotherPodGoesOnFromWhatAKilledOneHasLeft) { go_on(); }

TEST_F(PodBackend, ARunThatIsCancelledAfterItsEngineWasKilledTakesItsPodAlong) {
  const auto program = start("  - {name: long, run: 'echo begun; sleep 60'}\n");
  ASSERT_TRUE(logged("begun"));
  program->signal(SIGKILL);
  program->wait();
  const Output cancelled = scanflow_({"runs", "cancel", last_run()}, images());
  EXPECT_EQ(cancelled.exit, 0) << cancelled.out << cancelled.err;
  EXPECT_EQ(step("long").at("status"), "cancelled");
}

TEST_F(PodBackend, AStepThatIsOverBeforeItsPodIsMadeLeavesNothing) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(run("  - {name: a, command: ['/no/such/program']}\n").exit, 1);
    EXPECT_THAT(pods(), IsEmpty());
  }
}

TEST_F(PodBackend, KeptPodsRunStepAfterStep) {
  std::string steps;
  for (int i = 0; i < 20; ++i) {
    steps += fmt::format(
        "  - {{name: s{0}, run: 'cat /proc/1/stat | cut -d\" \" -f22', reuse: true{1}}}\n", i,
        i == 0 ? "" : fmt::format(", needs: [s{}]", i - 1));
  }
  const Output output = run(steps);
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  std::set<std::string> pods_seen, names;
  for (int i = 0; i < 20; ++i) {
    pods_seen.insert(scanflow_({"runs", "logs", last_run(), fmt::format("s{}", i)}).out);
    const json pod = step(fmt::format("s{}", i)).at("pod");
    names.insert(pod.at("name"));
    EXPECT_EQ(pod.at("use"), i + 1);
    EXPECT_EQ(pod.at("kept"), i > 0);
    EXPECT_EQ(pod.at("backend"), "podman");
    EXPECT_NE(pod.at("node"), "");
  }
  EXPECT_THAT(pods_seen, SizeIs(1)) << "one Pod, whose first process began once";
  EXPECT_THAT(names, SizeIs(1));
  EXPECT_THAT(scanflow_({"runs", "show", last_run()}).out,
              HasSubstr(*names.begin() + ", kept: use 20"));
}

TEST_F(PodBackend, TopShowsThePodOfAStepAndThoseThatWaitForOne) {
  const auto program = start(R"(
  - {name: short, run: 'sleep 0.2', reuse: {idle: 1m, uses: 7}}
  - {name: long, image: ')" + kImages +
                             R"(-python:latest', run: 'sleep 60'}
)");
  json top;
  const auto kept = [&]() -> json {
    const Output output = scanflow_({"top", "-o", "json"});
    top = output.exit == 0 ? json::parse(output.out) : json::object();
    for (const json& pod : top.value("pods", json::array()))
      if (pod.at("run").is_null()) return pod;
    return {};
  };
  ASSERT_TRUE(eventually([&] { return !kept().is_null(); })) << program->err();
  const json pod = kept();
  EXPECT_EQ(pod.at("uses"), 1);
  EXPECT_EQ(pod.at("most_uses"), 7);
  EXPECT_EQ(pod.at("most_idle_us"), 60'000'000);
  ASSERT_TRUE(eventually([&] {
    (void)kept();
    return top.value("attempts", json::array()).size() == 1;
  }));
  EXPECT_EQ(top["attempts"][0].at("pod").at("kept"), false);
  EXPECT_THAT(scanflow_({"top", "--once"}).out,
              testing::AllOf(HasSubstr("1 Pod is kept"), HasSubstr("1 of 7")));
  EXPECT_EQ(scanflow_({"runs", "cancel", last_run()}).exit, 0);
  program->wait();
}

TEST_F(PodBackend, AForkBombEndsAtTheLimitOfProcesses) {
  if (!no_limits().empty()) GTEST_SKIP() << no_limits();
  const Output output = run(R"(
  - name: bomb
    command: [python3, -c]
    args:
      - |
        import threading
        threading.stack_size(64 * 1024)
        stop, many = threading.Event(), []
        try:
            while len(many) < 10000:
                many.append(threading.Thread(target=stop.wait))
                many[-1].start()
        except RuntimeError:
            many.pop()
        stop.set()
        print("threads:", len(many), flush=True)
        raise SystemExit(0 if len(many) < 4096 else 1)
)");
  EXPECT_EQ(output.exit, 0) << scanflow_({"runs", "logs", last_run()}).out;
}

TEST_F(PodBackend, AStepWhoseKeptPodIsDeadRunsInAnother) {
  const auto program = start(R"(
  - {name: first, run: 'true', reuse: {idle: 1m}}
  - {name: gate, approve: true, needs: [first]}
  - {name: second, run: 'echo ran', reuse: {idle: 1m}, needs: [gate]}
)");
  ASSERT_TRUE(eventually([&] {
    const json gate = last_run().empty() ? json() : step("gate");
    return gate.is_object() && gate.value("status", "") == "awaiting";
  })) << program->err();
  const std::string kept = step("first").at("pod").at("name");
  ASSERT_TRUE(podman().signal(kept + "-step", "STOP"));
  ASSERT_TRUE(podman().signal(kept + "-scanflow-sidecar", "STOP"));
  EXPECT_EQ(scanflow_({"runs", "approve", last_run(), "gate"}).exit, 0);
  const Output output = program->wait(std::chrono::seconds(40));
  EXPECT_EQ(output.exit, 0) << output.err << output.out;
  EXPECT_NE(step("second").at("pod").at("name"), kept);
  EXPECT_EQ(step("second").at("attempts"), 1);
}

TEST_F(PodBackend, WhatIsWrongIsSaidWithItsFix) {
  Output output = run("  - {name: a, image: 'localhost/no-such-image:1', command: ['true']}\n");
  EXPECT_EQ(output.exit, 1);
  EXPECT_THAT(output.out + output.err, HasSubstr("no-such-image"));
  EXPECT_EQ(step("a").at("error").at("cause"), "config") << step("a");
  if (no_limits().empty()) {
    EXPECT_EQ(
        run("  - {name: a, run: 'true', resources: {limits: {memory: 1Mi}}, retry: {limit: 3}}\n")
            .exit,
        1);
    EXPECT_EQ(step("a").at("error").at("cause"), "config") << "less than a container needs";
    EXPECT_EQ(step("a").at("attempts"), 1);
  }
  EXPECT_EQ(run("  - {name: a, image: '127.0.0.2:1/app:1', command: ['true']}\n").exit, 1);
  EXPECT_EQ(step("a").at("error").at("cause"), "retryable") << "a registry that is away for now";
  output = run("  - {name: a, command: ['/no/such/program']}\n");
  EXPECT_EQ(output.exit, 1);
  EXPECT_THAT(output.out + output.err, HasSubstr("/no/such/program"));
  output = scanflow_({"run", pipeline("  - {name: a, image: 'x:1', command: ['true']}\n")});
  EXPECT_EQ(output.exit, 2);
  EXPECT_THAT(output.err, HasSubstr("use --backend podman"));
  Program::Environment without = images();
  without["PATH"] = "/nowhere";
  output =
      scanflow_({"run", pipeline("  - {name: a, run: 'true'}\n"), "--backend", "podman"}, without);
  EXPECT_EQ(output.exit, 1);
  EXPECT_THAT(output.out + output.err, HasSubstr("podman"));
  EXPECT_THAT(output.out + output.err, HasSubstr("apt install"));
}

TEST_F(PodBackend, AKilledContainerIsNoticedAtOnceAndAKilledSidecarIsReplaced) {
  const auto program = start(R"(
  - {name: a, run: 'echo begun; sleep 60'}
)");
  ASSERT_TRUE(logged("begun"));
  const std::string pod = pods().at(0).name;
  ASSERT_TRUE(podman().signal(pod + "-scanflow-sidecar", "KILL"));
  EXPECT_TRUE(eventually([&] {
    return program->err().find("is started again") != std::string::npos;
  })) << program->err();
  const Output paused = scanflow_({"primitive", "send", last_run(), "a", "dump"});
  EXPECT_EQ(paused.exit, 0) << paused.out << paused.err;
  ASSERT_TRUE(podman().signal(pod + "-step", "KILL"));
  const Output output = program->wait(std::chrono::seconds(15));
  EXPECT_EQ(output.exit, 1) << "it was not noticed";
  EXPECT_EQ(step("a").at("error").at("cause"), "crash") << step("a");
}

TEST_F(PodBackend, TheMnistPipelineTrainsInPodsAndIsSteeredThere) { train_mnist(); }

TEST_F(PodBackend, ACancelledRunLeavesNothing) {
  const auto program = start("  - {name: long, run: 'echo begun; sleep 60'}\n");
  ASSERT_TRUE(logged("begun"));
  EXPECT_EQ(scanflow_({"runs", "cancel", last_run()}).exit, 0);
  program->wait();
  EXPECT_EQ(step("long").at("status"), "cancelled");
}

}  // namespace
}  // namespace scanflow::test
