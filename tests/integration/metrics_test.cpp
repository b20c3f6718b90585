// `metrics` in expressions, of a real server: what steps log, and what the sidecar sees of them.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/integration/server_support.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;

const std::string kTrain =
    "steps:\n  - {name: train, run: \"for i in 9 5 2; do echo loss 0.$i split=test; done >> "
    "$SCANFLOW_METRICS\"}\n";

TEST(MetricsInExpressions, AConditionAsksWhatAnEarlierStepLogged) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  const std::string run = server.submit(pipeline(kTrain + R"yaml(
  - {name: good, needs: [train], when: "${{ metrics.last('loss', {run = run.id}) < 0.3 }}", uses: noop}
  - {name: bad, needs: [train], when: "${{ metrics.min('loss', {run = run.id}) > 0.3 }}", uses: noop}
  - name: sum
    needs: [train]
    run: echo "sum=${{ metrics.sum('loss', 'step=train,split=test', '1h') }}" >> "$SCANFLOW_OUTPUT"
  - name: none
    needs: [train]
    run: echo "x=${{ metrics.avg('loss', {step = 'other'}) or 7 }}" >> "$SCANFLOW_OUTPUT"
)yaml"));
  ASSERT_TRUE(server.reaches(run, "succeeded")) << server.get("/api/v1/runs/" + run).dump(1);
  const json result = server.get("/api/v1/runs/" + run);
  EXPECT_EQ(step(result, "good")["status"], "succeeded");
  EXPECT_EQ(step(result, "bad")["status"], "skipped");
  EXPECT_DOUBLE_EQ(step(result, "sum")["outputs"]["sum"].get<double>(), 0.9 + 0.5 + 0.2);
  EXPECT_EQ(step(result, "none")["outputs"]["x"], 7);
}

TEST(MetricsInExpressions, WhatCannotBeAskedFailsTheStepWithItsPlace) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  const std::string run = server.submit(pipeline(kTrain + R"yaml(
  - {name: speed, needs: [train], when: "${{ metrics.rate('loss') > 0 }}", uses: noop}
)yaml"));
  ASSERT_TRUE(server.reaches(run, "failed"));
  const json speed = step(server.get("/api/v1/runs/" + run), "speed");
  EXPECT_EQ(speed["error"]["cause"], "config");
  EXPECT_THAT(speed["error"]["message"].get<std::string>(),
              AllOf(HasSubstr("when: ${{ metrics.rate('loss') > 0 }}"), HasSubstr("is a gauge")));
}

TEST(MetricsInExpressions, WhatWasLoggedIsKnownAfterARestartOfTheEngine) {
  Scanflow scanflow;
  std::string run;
  const auto approve = [&run](const ServerProgram& server) {
    return server.post("/api/v1/runs/" + run + "/approve", {{"step", "gate"}})
        .value("approved", false);
  };
  const auto waits = [&run](const ServerProgram& server) {
    const json steps = server.get("/api/v1/runs/" + run).value("steps", json::array());
    return std::any_of(steps.begin(), steps.end(), [](const json& each) {
      return each["name"] == "gate" && each["status"] == "awaiting";
    });
  };
  {
    ServerProgram first(scanflow);
    run = first.submit(pipeline(kTrain + R"yaml(
  - {name: gate, needs: [train], approve: "go on?"}
  - name: after
    needs: [gate]
    run: echo "loss=${{ metrics.last('loss', {run = run.id, step = 'train'}, '1h') }}" >> "$SCANFLOW_OUTPUT"
)yaml"));
    ASSERT_TRUE(eventually([&] { return waits(first); }))
        << first.get("/api/v1/runs/" + run).dump(1);
    first.kill();
  }
  ServerProgram second(scanflow);
  ASSERT_TRUE(approve(second));
  ASSERT_TRUE(second.reaches(run, "succeeded")) << second.get("/api/v1/runs/" + run).dump(1);
  EXPECT_EQ(step(second.get("/api/v1/runs/" + run), "after")["outputs"]["loss"], 0.2);
}

TEST(MetricsInExpressions, TheSidecarsSamplesOfAStepAreAskedWhileItRuns) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  const std::string go = scanflow.files() / "go";
  const std::string burn = server.submit(
      pipeline("steps: [{name: burn, run: \"until [ -e " + go + " ]; do :; done\"}]\n"));
  // The first samples come when the step has run for some seconds.
  json cpu;
  EXPECT_TRUE(eventually([&] {
    const std::string ask = server.submit(pipeline(
        R"yaml(steps: [{name: ask, run: "echo 'cpu=${{ metrics.increase('process_cpu_user_seconds_total', {run = ')yaml" +
        burn + R"yaml(', step = 'burn'}) or -1 }}' >> $SCANFLOW_OUTPUT"}]
)yaml"));
    if (!server.reaches(ask, "succeeded")) return false;
    cpu = step(server.get("/api/v1/runs/" + ask), "ask")["outputs"]["cpu"];
    return cpu.is_number() && cpu > 0;
  })) << cpu.dump()
      << server.log();
  write(go, "");
  EXPECT_TRUE(server.reaches(burn, "succeeded"));
}

}  // namespace
}  // namespace scanflow::test
