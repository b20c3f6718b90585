// Agents in a real server: what they notice, decide and do, and that nothing of it is lost or taken twice.
#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

#include "engine/store/store.hpp"
#include "sdk/base/clock.hpp"
#include "tests/integration/agents_support.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;

constexpr const char* kHello = R"(apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: hello}
params: {who: {type: string, default: world}}
steps:
  - {name: say, run: 'echo hello $WHO', env: {WHO: "${{ params.who }}"}}
)";

class AgentsTest : public AgentServerTest {
 protected:
  void apply(const std::string& rules) const {
    const std::string file = scanflow_.files() / "agent.yaml";
    write(file, std::string(kHello) +
                    "---\napiVersion: scanflow.dev/v1\nkind: Agent\nmetadata: {name: checker}\n"
                    "rules:\n" +
                    rules);
    const Output applied = scanflow({"apply", "-f", file});
    ASSERT_EQ(applied.exit, 0) << applied.err;
    // It begins to notice once its rules are loaded.
    ASSERT_TRUE(eventually([&] {
      const json agents = server_->get("/api/v1/agents").at("agents");
      return !agents.empty() && agents[0].at("status") == "active" &&
             !agents[0].at("rules").empty();
    }));
  }
  Output scanflow(std::vector<std::string> words) const {
    words.insert(words.end(), {"--server", server_->url()});
    return scanflow_(std::move(words));
  }
  void restart() {
    server_->kill();
    server_ = std::make_unique<ServerProgram>(scanflow_);
  }
};

constexpr const char* kOnDrift =
    "  - name: drift\n    on: {event: {type: drift.*}}\n"
    "    when: \"${{ event.payload.severity > 2 }}\"\n"
    "    do:\n      - run_pipeline: {pipeline: hello, params: {who: \"${{ event.type }}\"}}\n"
    "      - emit: {type: begun}\n"
    "    guard: {max_per_hour: 1000}\n";

TEST_F(AgentsTest, AnEventBecomesARunAndAPersonIsAsked) {
  apply(std::string(kOnDrift) +
        "  - {name: gate, on: {event: {type: begun}}, do: [{run_pipeline: {pipeline: hello}}], "
        "guard: {mode: approve}}\n");
  EXPECT_EQ(scanflow({"agent", "emit", "drift.small", "--payload", "{\"severity\": 1}"}).exit, 0);
  EXPECT_EQ(scanflow({"agent", "emit", "drift.large", "--payload", "{\"severity\": 5}"}).exit, 0);
  ASSERT_TRUE(eventually([&] { return in_state("done") == 1 && in_state("waiting") == 1; }));
  const json all = decisions();
  const std::string run = all[1].at("actions")[0].at("evidence").at("run");
  EXPECT_TRUE(server_->reaches(run, "succeeded"));
  EXPECT_THAT(server_->get("/api/v1/runs/" + run).at("trigger").get<std::string>(),
              testing::MatchesRegex("agent default/checker \\(decision [0-9a-f-]{36}\\)"));
  const std::string waits = all[0].at("id");
  EXPECT_THAT(scanflow({"agent", "decisions", "--open"}).out, HasSubstr("waiting"));
  const Output approved = scanflow({"agent", "approve", waits});
  EXPECT_EQ(approved.exit, 0) << approved.err;
  EXPECT_TRUE(eventually([&] { return in_state("done") == 2; }));
  const Output again = scanflow({"agent", "approve", waits});
  EXPECT_NE(again.exit, 0);
  EXPECT_THAT(again.err, HasSubstr("does not wait for an approval: it is done"));
  EXPECT_THAT(scanflow({"agent", "list"}).out, HasSubstr("default    checker"));
  EXPECT_THAT(scanflow({"agent", "show", "checker"}).out, HasSubstr("rule drift: event -> rules"));

  EXPECT_EQ(scanflow({"agent", "pause", "checker"}).exit, 0);
  emit("drift.x", {{"severity", 9}});
  EXPECT_EQ(scanflow({"delete", "agent", "checker"}).exit, 0);
  EXPECT_TRUE(eventually([&] { return server_->get("/api/v1/agents").at("agents").empty(); }));
  EXPECT_EQ(runs(), 2);
}

TEST_F(AgentsTest, AServerThatIsKilledLosesNoDecisionAndTakesNoneTwice) {
  apply(kOnDrift);
  constexpr int kEvents = 30;
  for (int i = 0; i < kEvents; ++i) {
    emit(fmt::format("drift.{}", i), {{"severity", 3}});
    if (i % 10 == 9) restart();  // in the middle of what that has begun
  }
  ASSERT_TRUE(eventually([&] { return in_state("done") == kEvents; })) << decisions().dump(1);
  std::set<std::string> seen;
  for (const json& each : decisions()) seen.insert(each.at("evidence").at("type"));
  EXPECT_EQ(seen.size(), kEvents);
  EXPECT_EQ(decisions().size(), kEvents);
  EXPECT_EQ(runs(), kEvents);
}

TEST_F(AgentsTest, ASampleIsActedUponAsSoonAsItComes) {
  apply(
      "  - {name: high, on: {metric: {name: loss, above: 3}}, do: [{emit: {type: high}}], guard: "
      "{max_per_hour: 3600}}\n");
  // Each crosses the limit anew; the value is when it was logged.
  const std::string run = server_->submit(R"(apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: log}
steps:
  - name: train
    run: |
      for i in $(seq 1 20); do
        echo "loss $(date +%s%6N) step=$i" >> "$SCANFLOW_METRICS"; sleep 0.05
        echo "loss 0 step=$i" >> "$SCANFLOW_METRICS"; sleep 0.05
      done
)");
  ASSERT_TRUE(server_->reaches(run, "succeeded"));
  ASSERT_TRUE(eventually([&] { return in_state("done") == 20; })) << decisions().dump(1);
  // From when it was logged (what a step writes is read each second), and from when its rule was woken.
  std::vector<std::int64_t> logged, woken;
  for (const json& each : decisions()) {
    const auto ended_us = each.at("ended_us").get<std::int64_t>();
    logged.push_back(ended_us - each.at("evidence").at("value").get<std::int64_t>());
    woken.push_back(ended_us - each.at("evidence").at("until_us").get<std::int64_t>());
  }
  for (auto* took : {&logged, &woken}) std::sort(took->begin(), took->end());
  std::cerr << "until the effect is committed: since it was logged p50 " << logged[10]
            << " us, the slowest " << logged.back() << " us; since its rule was woken p50 "
            << woken[10] << " us, the slowest " << woken.back() << " us\n";
  EXPECT_LT(logged.back(), 3'000'000);
  EXPECT_LT(woken[10], 50'000);
}

TEST_F(AgentsTest, WhatIsWrongWithAnAgentIsSaidWhenItIsApplied) {
  const std::string file = scanflow_.files() / "agent.yaml";
  write(file,
        "apiVersion: scanflow.dev/v1\nkind: Agent\nmetadata: {name: bad}\nrules:\n"
        "  - {name: a, on: {cron: {expression: 'never'}}, do: [{emit: {type: x}}]}\n"
        "  - {name: b, on: {event: {type: x}}, do: [{explode: {}}], guard: {max_per_hour: 0}}\n");
  const Output applied = scanflow({"apply", "-f", file});
  EXPECT_EQ(applied.exit, 2);
  EXPECT_THAT(applied.err, HasSubstr("unknown primitive 'explode'"));
  EXPECT_THAT(applied.err, HasSubstr("mode: recommend"));
  EXPECT_TRUE(server_->get("/api/v1/agents").at("agents").empty());
}

TEST_F(AgentsTest, PrimitivesOfTheEngineAreSentByHandToo) {
  apply(
      "  - {name: ended, on: {event: {type: run.ended, where: {name: hello}}}, do: [{emit: {type: "
      "seen, payload: {run: \"${{ event.payload.run }}\"}}}]}\n");
  const Output sent = scanflow({"primitive", "send", "engine", "run_pipeline", "pipeline=hello",
                                R"(params={"who": "Ada"})"});
  EXPECT_EQ(sent.exit, 0) << sent.err;
  EXPECT_THAT(sent.out, HasSubstr("run_pipeline of engine: DONE"));
  ASSERT_TRUE(eventually([&] { return in_state("done") == 2; })) << "its end wakes the rule";
  const json all = decisions();
  EXPECT_EQ(all[1].at("agent"), "default/-");
  const json run = all[1].at("actions")[0].at("evidence").at("run");
  EXPECT_EQ(all[0].at("evidence").at("payload").at("run"), run);
  EXPECT_EQ(all[0].at("evidence").at("payload").at("decision"), all[1].at("id"));

  const Output retried = scanflow(
      {"primitive", "send", "engine", "retry_step", "run=" + run.get<std::string>(), "step=say"});
  EXPECT_EQ(retried.exit, 0) << retried.err << retried.out;
  const Output unknown = scanflow({"primitive", "send", "engine", "run_pipeline", "pipeline=helo"});
  EXPECT_EQ(unknown.exit, 1);
  EXPECT_THAT(unknown.out, HasSubstr("FAILED"));
  EXPECT_EQ(scanflow({"primitive", "send", "engine", "explode"}).exit, 2);
  const Output nowhere =
      scanflow({"primitive", "send", "inferenceservice/none", "scale", "replicas=2"});
  EXPECT_EQ(nowhere.exit, 1);
  EXPECT_THAT(nowhere.out, HasSubstr("none"));
}

TEST_F(AgentsTest, ACircleOfRunsEndsAfterABoundedNumber) {
  apply(
      "  - {name: again, on: {event: {type: run.ended, where: {name: hello}}}, do: [{run_pipeline: "
      "{pipeline: hello}}], guard: {max_per_hour: 1000}}\n");
  ASSERT_EQ(scanflow({"run", "hello"}).exit, 0);
  ASSERT_TRUE(eventually([&] { return in_state("refused") == 1; })) << decisions().dump(1);
  EXPECT_THAT(decisions()[0].at("reason").get<std::string>(), HasSubstr("is that a circle?"));
  EXPECT_EQ(runs(), 17U);
}

TEST_F(AgentsTest, RulesThatUndoEachOthersWorkAreHeld) {
  apply(
      "  - {name: up, on: {interval: {every: 200ms}}, do: [{scale: {target: {service: shop/web}, "
      "replicas: 3}}], guard: {max_per_hour: 3600}}\n"
      "  - {name: down, on: {interval: {every: 200ms}}, do: [{scale: {target: {service: shop/web}, "
      "replicas: 1}}], guard: {max_per_hour: 3600}}\n"
      "  - {name: told, on: {event: {type: agents.contest}}, do: [{emit: {type: x}}]}\n");
  ASSERT_TRUE(eventually([&] { return in_state("held") >= 2 && in_state("done") == 1; }));
  std::string why;
  for (const json& each : decisions())
    if (each.at("state") == "held") why = each.at("reason");
  EXPECT_THAT(why, HasSubstr("scale of shop/web is contested by default/checker/down and "
                             "default/checker/up"));
  EXPECT_LE(in_state("failed"), 8U) << "before they were held";
}

TEST_F(AgentsTest, ASignedCallFiresARuleOnce) {
  const std::string secret = scanflow_.files() / "secret";
  write(secret, "Jefe\n");
  apply("  - {name: called, on: {webhook: {path: team/x, secret_file: " + secret +
        "}}, do: [{emit: {type: x}}]}\n");
  /// The status of the answer.
  const auto call = [&](const std::string& path, const std::string& signature) {
    const std::string body = "what do ya want for nothing?";
    const RawConnection connection(server_->port());
    connection.send("POST /api/v1/hooks/" + path +
                    " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Delivery: one\r\n"
                    "X-Hub-Signature-256: " +
                    signature + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                    body);
    const std::string answer = connection.receive();
    return answer.size() > 12 ? std::stoi(answer.substr(9, 3)) : 0;
  };
  const std::string good =
      "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";  // RFC 4231
  EXPECT_EQ(call("team/y", good), 404);
  EXPECT_EQ(call("team/x", ""), 401);
  EXPECT_EQ(call("team/x", "sha256=00"), 401);
  EXPECT_EQ(call("team/x", good), 200);
  EXPECT_EQ(call("team/x", good), 200) << "delivered again";
  ASSERT_TRUE(eventually([&] { return in_state("done") == 1; }));
  emit("after");
  EXPECT_EQ(decisions().size(), 1U);
  EXPECT_EQ(decisions()[0].at("evidence").at("body"), "what do ya want for nothing?");
}

TEST_F(AgentsTest, ARecordIsReplayed) {
  apply(kOnDrift);
  emit("drift.a", {{"severity", 1}});
  emit("drift.b", {{"severity", 5}});
  ASSERT_TRUE(eventually([&] { return in_state("done") == 1; }));
  const std::string record = scanflow_.files() / "record.jsonl",
                    agent = scanflow_.files() / "a.yaml";
  ASSERT_EQ(scanflow({"agent", "record", "--last", "10m", "--to", record}).exit, 0);
  write(agent,
        "apiVersion: scanflow.dev/v1\nkind: Agent\nmetadata: {name: lower}\nrules:\n"
        "  - {name: any, on: {event: {type: drift.*}}, do: [{emit: {type: x}}]}\n");
  const Output replayed = scanflow_({"agent", "replay", agent, "--from", record});
  EXPECT_EQ(replayed.exit, 0) << replayed.err;
  EXPECT_THAT(replayed.out, HasSubstr("2 decisions of"));
  EXPECT_THAT(replayed.out, HasSubstr("recommended"));
  write(record, "nonsense\n");
  EXPECT_EQ(scanflow_({"agent", "replay", agent, "--from", record}).exit, 2);
}

TEST_F(AgentsTest, ARunIsChangedBeforeItBeginsOrDenied) {
  apply(
      "  - {name: give, on: {submit: {name: hello}}, strategy: {uses: admit, with: {set: {env: "
      "{WHO: "
      "agent, MORE: more}, timeout: 1m}}}, allow: [admit]}\n"
      "  - {name: deny, on: {submit: {labels: {team: others}}}, do: [{admit: {deny: not now}}]}\n");
  const std::string run = server_->submit(kHello);
  ASSERT_TRUE(server_->reaches(run, "succeeded"));
  EXPECT_THAT(scanflow({"runs", "logs", run}).out, HasSubstr("hello world"))
      << "what it says itself stays";
  EXPECT_THAT(server_->get("/api/v1/runs/" + run + "/events").dump(), HasSubstr("MORE"));
  const json denied = server_->post(
      "/api/v1/runs", {{"source",
                        "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: x, "
                        "labels: {team: others}}\nsteps: [{name: a, run: 'true'}]\n"}});
  EXPECT_EQ(denied.value("status", 0), 403);
  EXPECT_THAT(denied.value("message", ""), HasSubstr("agent default/checker: not now"));
  EXPECT_EQ(in_state("done"), 2U);
}

TEST_F(AgentsTest, WhoeverBeginsARunTheAgentsAreAsked) {
  const std::string by_schedule =
      "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: nightly}\n"
      "schedule: \"@hourly\"\nsteps: [{name: a, run: 'true'}]\n";
  apply(
      "  - {name: give, on: {submit: {}}, strategy: {uses: admit, with: {set: {env: {MORE: "
      "more}}}}, allow: [admit], guard: {max_per_hour: 1000}}\n"
      "  - {name: begin, on: {event: {type: go}}, do: [{run_pipeline: {pipeline: hello}}]}\n");
  const auto is_given = [&](const std::string& run) {
    return server_->get("/api/v1/runs/" + run + "/events").dump().find("MORE") != std::string::npos;
  };
  emit("go");
  ASSERT_TRUE(eventually([&] { return runs() == 1; }));
  EXPECT_TRUE(is_given(server_->get("/api/v1/runs").at("runs")[0].at("run"))) << "an agent";
  const std::string file = scanflow_.files() / "hello.yaml";
  write(file, kHello);
  ASSERT_EQ(scanflow_({"run", file}).exit, 0) << "by the engine's socket";
  EXPECT_TRUE(is_given(server_->get("/api/v1/runs").at("runs")[0].at("run"))) << "a person";
  server_->kill();
  {
    const auto store = store::Store::open(scanflow_.state(), store::Durability::process);
    ASSERT_TRUE(store) << store.error().message;
    store::Document document{.kind = "Pipeline", .name_space = "default", .name = "nightly"};
    document.source = by_schedule;
    document.created_us = wall_us() - 30 * 3'600'000'000LL;
    ASSERT_TRUE((*store)->apply(std::move(document)));
  }
  server_ = std::make_unique<ServerProgram>(scanflow_);
  ASSERT_TRUE(eventually([&] { return runs() == 3; })) << server_->log();
  EXPECT_TRUE(is_given(server_->get("/api/v1/runs").at("runs")[0].at("run")))
      << "a schedule, while the agents have just begun";
}

}  // namespace
}  // namespace scanflow::test
