// What programs, clients and pipelines say cannot end the engine, or make it wait for ever.
#include <future>
#include <set>

#include "tests/integration/server_support.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

Output run(const Scanflow& scanflow, const std::string& rest) {
  return scanflow({"run", scanflow.files().write("p.yaml", pipeline(rest)), "-o", "json", "-q"});
}

TEST(Survives, BytesThatAreNoUtf8InMetricsAndMessages) {
  Scanflow scanflow;
  const Output metric = run(scanflow, R"yaml(
steps: [{name: a, run: "printf 'loss 1 x=\\377\\n' >> $SCANFLOW_METRICS"}]
)yaml");
  EXPECT_EQ(metric.exit, 0) << metric.err;
  const Output message = run(scanflow, R"yaml(
steps: [{name: a, run: "printf 'Fehler: \\344hnlich\\n' >&2; exit 1"}]
)yaml");
  EXPECT_EQ(message.exit, 1) << message.err;
  EXPECT_EQ(last_line(message)["status"], "failed");
  EXPECT_EQ(last_line(scanflow({"runs", "show", "last", "-o", "json"}))["status"], "failed");
}

TEST(Survives, AMetricThatIsNoNumber) {
  Scanflow scanflow;
  const Output output = run(scanflow, R"yaml(
steps: [{name: a, run: "printf 'loss 1 step=1\\nloss nan step=2\\n' >> $SCANFLOW_METRICS"}]
)yaml");
  ASSERT_EQ(output.exit, 0) << output.err;
  const auto store = store::Store::open_read_only(scanflow.state()).value();
  EXPECT_EQ(store->metrics(last_line(output)["run"]).value().size(), 2u) << "it tells the most";
}

TEST(Survives, AnOutputThatLooksALittleLikeAnArtifact) {
  Scanflow scanflow;
  const Output output = run(scanflow, R"yaml(
steps:
  - {name: a, run: "echo 'x={\"artifact\":\"x\",\"sha256\":\"abc\"}' >> $SCANFLOW_OUTPUT"}
  - {name: b, needs: [a], with: {data: "${{ steps.a.outputs.x }}"}, run: "true"}
)yaml");
  EXPECT_EQ(output.exit, 0) << output.err << output.out;
}

TEST(Survives, ACalledPipelineThatIsRefused) {
  Scanflow scanflow;
  scanflow.files().write("huge.yaml", pipeline("steps: [{name: a, run: \"true\", resources: "
                                               "{requests: {cpu: 4096}}}]\n"));
  const Output huge = run(scanflow, "steps: [{name: call, pipeline: huge.yaml}]\n");
  EXPECT_EQ(huge.exit, 1) << huge.err;
  EXPECT_NE(huge.out.find("it requests 4096 CPUs"), std::string::npos) << huge.out;
  const std::string group = "concurrency: {group: g, max: 1}\n";
  scanflow.files().write("same.yaml", pipeline(group + "steps: [{name: a, uses: noop}]\n"));
  const Output same = run(scanflow, group + "steps: [{name: call, pipeline: same.yaml}]\n");
  EXPECT_EQ(same.exit, 1) << same.err;
  EXPECT_NE(same.out.find("it would wait for itself"), std::string::npos) << same.out;
}

TEST(Survives, AVariableThatIsNoUtf8) {
  Scanflow scanflow;
  const ServerProgram server(scanflow);
  ::setenv("SCANFLOW_TEST_ODD", "J\xf6rg", 1);
  const Output output = run(scanflow, "steps: [{name: a, uses: noop}]\n");
  ::unsetenv("SCANFLOW_TEST_ODD");
  EXPECT_EQ(output.exit, 0) << output.err;
}

TEST(Survives, TheSameRunSubmittedSeveralTimesAtOnce) {
  Scanflow scanflow;
  const ServerProgram server(scanflow);
  const std::string id = "01a20000-0000-7000-8000-000000000001";
  const std::string source = pipeline("steps: [{name: a, run: \"true\"}]\n");
  const json body = {{"source", source}, {"run", id}};
  std::vector<std::future<int>> submitted;
  for (int i = 0; i < 6; ++i)
    submitted.push_back(std::async(std::launch::async, [&] {
      const auto answer = server.client().request(
          {.method = "POST", .target = "/api/v1/runs", .body = body.dump()});
      return answer ? answer->status : 0;
    }));
  std::multiset<int> statuses;
  for (auto& each : submitted) statuses.insert(each.get());
  EXPECT_EQ(statuses, (std::multiset<int>{200, 200, 200, 200, 200, 201})) << "one has begun it";
  EXPECT_TRUE(server.reaches(id, "succeeded"));
  EXPECT_EQ(server.client().request({.target = "/readyz"})->status, 200);
}

TEST(Survives, FilesThatKeepTheirReadersWaiting) {
  Scanflow scanflow;
  const ServerProgram server(scanflow);
  const std::string fifo = scanflow.files() / "fifo.yaml";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (int i = 0; i < 3; ++i) {
    const json answer = server.post(
        "/api/v1/runs", {{"source", pipeline("steps: [{name: a, pipeline: " + fifo + "}]\n")}});
    EXPECT_EQ(answer["status"], 400);
    EXPECT_NE(answer["message"].get<std::string>().find("no regular file"), std::string::npos)
        << answer;
  }
  EXPECT_EQ(server.get("/api/v1/runs")["runs"].size(), 0u);
}

TEST(Survives, ABodyThatIsNestedDeeply) {
  Scanflow scanflow;
  const ServerProgram server(scanflow);
  const std::string deep = R"({"source": "x", "params": {"who": )" + std::string(200'000, '[') +
                           std::string(200'000, ']') + "}}";
  const auto answer =
      server.client().request({.method = "POST", .target = "/api/v1/runs", .body = deep});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 400) << answer->body;
  EXPECT_EQ(server.client().request({.target = "/readyz"})->status, 200);
}

TEST(Survives, ReusedResultsThatEndTheMainSteps) {
  Scanflow scanflow;
  const std::string flag = scanflow.files() / "flag";
  const std::string rest = R"yaml(
steps:
  - {name: list, run: "echo 'n=[1,2]' >> $SCANFLOW_OUTPUT"}
  - {name: each, needs: [list], for_each: "${{ steps.list.outputs.n }}", run: "true"}
  - {name: bad, run: "[ -e )yaml" +
                           flag + R"yaml( ]"}
on_failure: [{name: mourn, run: "true"}]
)yaml";
  EXPECT_EQ(run(scanflow, rest).exit, 1);
  scanflow.files().write("flag", "");
  const Output again = scanflow({"runs", "retry", "last", "-o", "json"});
  EXPECT_EQ(again.exit, 0) << again.err;
  EXPECT_EQ(step(last_line(again), "mourn")["status"], "skipped");
}

}  // namespace
}  // namespace scanflow::test
