// Agents in a real server: what they notice, decide and do, and that nothing of it is lost or taken twice.
#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

#include "tests/integration/server_support.hpp"

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

class AgentsTest : public testing::Test {
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
  void emit(const std::string& type, const json& payload = json::object()) const {
    const json told = server_->post("/api/v1/events", {{"type", type}, {"payload", payload}});
    ASSERT_TRUE(told.contains("seq")) << told;
  }
  json decisions() const { return server_->get("/api/v1/decisions?limit=1000").at("decisions"); }
  std::size_t in_state(const std::string& state) const {
    const json all = decisions();
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [&](const json& each) { return each.at("state") == state; }));
  }
  std::size_t runs() const { return server_->get("/api/v1/runs?limit=1000").at("runs").size(); }
  void restart() {
    server_->kill();
    server_ = std::make_unique<ServerProgram>(scanflow_);
  }

  const Scanflow scanflow_;
  std::unique_ptr<ServerProgram> server_ = std::make_unique<ServerProgram>(scanflow_);
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

}  // namespace
}  // namespace scanflow::test
