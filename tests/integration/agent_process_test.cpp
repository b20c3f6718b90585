// Agents in processes of their own, `scanflow agent run`, against a real server: they do what they would do in it, nothing is
// lost or done twice whoever is killed, and nothing beyond their document is done for whoever asks in their place.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "tests/integration/agents_support.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;

constexpr std::chrono::seconds kTakeOver{40};  // a lease lapses after 10 s

class AgentProcessTest : public AgentServerTest {
 protected:
  std::string apply(const std::string& rules, const std::string& runs = "process") const {
    const std::string file = scanflow_.files() / "agent.yaml";
    write(file,
          "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: hello}\n"
          "params: {who: {type: string, default: world}}\n"
          "steps: [{name: say, run: 'echo hello $WHO', env: {WHO: '${{ params.who }}'}}]\n"
          "---\napiVersion: scanflow.dev/v1\nkind: Agent\nmetadata: {name: checker}\nruns: " +
              runs + "\nrules:\n" + rules);
    const Output applied = scanflow({"apply", "-f", file});
    EXPECT_EQ(applied.exit, 0) << applied.err;
    return file;
  }
  Output scanflow(std::vector<std::string> words) const {
    words.insert(words.end(), {"--server", server_->url()});
    return scanflow_(std::move(words));
  }
  std::unique_ptr<Program> run(std::vector<std::string> words = {"checker"}) const {
    words.insert(words.begin(), {"agent", "run"});
    words.insert(words.end(), {"--server", server_->url()});
    return scanflow_.start(std::move(words));
  }
  json agent() const { return server_->get("/api/v1/agents/default/checker"); }
  /// By that process, which has begun to notice.
  bool is_run_by(const Program& program) const {
    return eventually(
        [&] {
          const json by = agent().value("run_by", json());
          return by.is_object() && by.at("pid") == program.pid();
        },
        kTakeOver);
  }
  /// Its rules are kept: what is told from now on, wakes them.
  std::unique_ptr<Program> run_ready(const std::string& rules) const {
    apply(rules);
    auto program = run();
    EXPECT_TRUE(is_run_by(*program)) << program->err();
    return program;
  }
  /// Each of drift.0, drift.1, ... has led to one run.
  void each_was_acted_upon_once(std::size_t count) const {
    ASSERT_TRUE(eventually([&] { return in_state("done") >= count; }, kTakeOver))
        << decisions().dump(1);
    std::set<std::string> seen;
    for (const json& each : decisions()) seen.insert(each.at("evidence").at("type"));
    EXPECT_EQ(seen.size(), count);
    EXPECT_EQ(decisions().size(), count);
    EXPECT_EQ(runs(), count);
  }
  static void end(Program& program) {
    program.signal(SIGTERM);
    EXPECT_EQ(program.wait().exit, 0) << program.err();
  }
};

constexpr const char* kRunOnDrift =
    "  - {name: drift, on: {event: {type: drift.*}}, do: [{run_pipeline: {pipeline: hello, params: "
    "{who: '${{ event.type }}'}}}], guard: {max_per_hour: 1000}}\n";

TEST_F(AgentProcessTest, ItDoesWhatItWouldDoInTheServer) {
  apply(
      std::string(kRunOnDrift) +
      "  - {name: high, on: {metric: {name: loss, above: 3}}, see: {most: \"${{ "
      "metrics.max('loss') }}\"}, do: [{emit: {type: high, payload: {most: '${{ see.most }}'}}}], "
      "goal: {value: \"${{ metrics.max('loss') }}\", after: 1s}}\n"
      "  - {name: gate, on: {event: {type: high}}, do: [{run_pipeline: {pipeline: hello}}], guard: "
      "{mode: approve}}\n"
      "  - {name: deny, on: {submit: {labels: {team: others}}}, do: [{admit: {deny: not now}}]}\n");
  ASSERT_TRUE(eventually([&] { return agent().value("status", json()) == "waiting"; })) << agent();
  EXPECT_THAT(scanflow({"agent", "list"}).out, HasSubstr("waits for its process"));
  EXPECT_THAT(scanflow({"agent", "run", "checker", "-n", "none"}).err,
              HasSubstr("there is no agent 'none/checker'"));
  EXPECT_EQ(scanflow_({"__complete", "--server", server_->url(), "agent", "run", ""}).out,
            "default/checker\n");
  const auto program = run();
  ASSERT_TRUE(is_run_by(*program)) << program->err();
  EXPECT_THAT(scanflow({"agent", "show", "checker"}).out,
              HasSubstr("(" + std::to_string(program->pid()) + ")"));

  emit("drift.a");
  ASSERT_TRUE(eventually([&] { return in_state("done") == 1; })) << decisions() << program->err();
  const std::string run = decisions()[0].at("actions")[0].at("evidence").at("run");
  EXPECT_TRUE(server_->reaches(run, "succeeded"));
  EXPECT_THAT(scanflow({"runs", "logs", run}).out, HasSubstr("hello drift.a"));

  const std::string logs = server_->submit(
      "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: log}\nsteps: [{name: a, run: "
      "'echo \"loss 7 step=1\" >> \"$SCANFLOW_METRICS\"; sleep 1'}]\n");
  ASSERT_TRUE(eventually([&] { return in_state("waiting") == 1; })) << decisions().dump(1);
  const json asked = decisions();
  EXPECT_EQ(asked[0].at("evidence").at("payload").at("most"), 7);
  ASSERT_EQ(scanflow({"agent", "approve", asked[0].at("id")}).exit, 0);
  ASSERT_TRUE(eventually([&] { return in_state("done") == 3; })) << decisions().dump(1);
  EXPECT_TRUE(eventually([&] {
    return decisions()[1].at("evidence").value("goal", json::object()).value("after", json()) == 7;
  })) << decisions().dump(1);

  const json denied = server_->post(
      "/api/v1/runs", {{"source",
                        "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: x, "
                        "labels: {team: others}}\nsteps: [{name: a, run: 'true'}]\n"}});
  EXPECT_EQ(denied.value("status", 0), 403) << denied << program->err();
  EXPECT_THAT(denied.value("message", ""), HasSubstr("agent default/checker: not now"));
  EXPECT_TRUE(eventually([&] { return agent().at("rules")[0].at("fired") == 1; })) << agent();

  EXPECT_EQ(scanflow({"agent", "pause", "checker"}).exit, 0);
  EXPECT_TRUE(eventually([&] { return program->err().find("is paused") != std::string::npos; }));
  emit("drift.unseen");
  EXPECT_EQ(scanflow({"agent", "resume", "checker"}).exit, 0);
  apply("  - {name: other, on: {event: {type: after}}, do: [{emit: {type: x}}]}\n");
  ASSERT_TRUE(eventually([&] { return program->err().find("checker@2") != std::string::npos; }))
      << program->err();
  EXPECT_TRUE(eventually([&] {
    emit("after");
    return decisions()[0].at("rule") == "other";
  }));
  EXPECT_EQ(scanflow({"delete", "agent", "checker"}).exit, 0);
  EXPECT_EQ(program->wait().exit, 0);
  EXPECT_THAT(program->err(), HasSubstr("it was deleted"));
  EXPECT_THAT(decisions().dump(), testing::Not(HasSubstr("drift.unseen")));
}

TEST_F(AgentProcessTest, AProcessThatIsKilledLosesNoEventAndFiresNoneTwice) {
  auto program = run_ready(kRunOnDrift);
  constexpr int kEvents = 30;
  for (int i = 0; i < kEvents; ++i) {
    if (i == kEvents / 2) {  // in the midst of what it does
      program->signal(SIGKILL);
      program->wait();
      program = run();
    }
    emit("drift." + std::to_string(i));
  }
  each_was_acted_upon_once(kEvents);
}

TEST_F(AgentProcessTest, AServerThatIsKilledMeanwhileLosesNothingEither) {
  const auto program = run_ready(kRunOnDrift);
  constexpr int kEvents = 30;
  for (int i = 0; i < kEvents; ++i) {
    emit("drift." + std::to_string(i));
    if (i % 10 != 9) continue;
    const std::uint16_t port = server_->port();
    server_->kill();
    server_ = std::make_unique<ServerProgram>(scanflow_, std::vector<std::string>(), port);
  }
  each_was_acted_upon_once(kEvents);
  end(*program);
}

TEST_F(AgentProcessTest, OfTwoOneStandsByAndTakesOver) {
  const auto first = run_ready(kRunOnDrift);
  const auto second = run();
  ASSERT_TRUE(eventually([&] { return second->err().find("stands by") != std::string::npos; }));
  emit("drift.0");
  ASSERT_TRUE(eventually([&] { return in_state("done") == 1; }));
  first->signal(SIGSTOP);  // it says nothing for as long as its lease lasts
  ASSERT_TRUE(is_run_by(*second)) << second->err();
  first->signal(SIGCONT);
  emit("drift.1");
  EXPECT_TRUE(eventually([&] { return first->err().find("stands by") != std::string::npos; }))
      << first->err();
  EXPECT_THAT(first->err(), HasSubstr("the session is over"));
  end(*second);  // it gives it back
  ASSERT_TRUE(is_run_by(*first));
  emit("drift.2");
  each_was_acted_upon_once(3);
  end(*first);
  EXPECT_TRUE(agent().at("run_by").is_null());
}

TEST_F(AgentProcessTest, WhoAsksInItsPlaceIsNotTrusted) {
  apply(
      "  - {name: tell, on: {event: {type: x}}, do: [{emit: {type: told}}], guard: {max_per_hour: "
      "1}}\n  - {name: gate, on: {event: {type: y}}, do: [{emit: {type: told}}], guard: {mode: "
      "approve}}\n");
  const std::string path = "/api/v1/agents/default/checker/sessions";
  json opened;
  ASSERT_TRUE(eventually([&] {
    opened = server_->post(path, {{"host", "elsewhere"}, {"pid", 7}});
    return opened.contains("session");
  })) << opened;
  EXPECT_EQ(server_->post(path, {{"host", "another"}, {"pid", 8}}).value("status", 0), 423);
  const std::string session = path + "/" + opened.at("session").get<std::string>();
  int number = 0;
  /// The state that becomes of it.
  const auto commit = [&](const std::string& rule, const std::string& primitive,
                          const std::string& state) {
    ++number;
    const std::string id = fmt::format("019aaaaa-0000-7000-8000-{:012}", number);
    const json action = {{"primitive", primitive},
                         {"target", json::object()},
                         {"args", {{primitive == "emit" ? "type" : "pipeline", "hello"}}},
                         {"outcome", nullptr},
                         {"message", ""},
                         {"evidence", json::object()}};
    const json decision = {{"id", id},
                           {"agent", "other/agent"},
                           {"rule", rule},
                           {"time_us", opened.at("now_us")},
                           {"mode", "act"},
                           {"state", state},
                           {"reason", ""},
                           {"by", "me"},
                           {"ended_us", 0},
                           {"depth", 1},
                           {"evidence", json::object()},
                           {"actions", json::array({action})}};
    const json kept = {{"trigger_digest", ""}, {"trigger_state", ""}, {"strategy_digest", ""},
                       {"strategy_state", ""}, {"seen", 0},           {"guard", json::array()}};
    const json answer = server_->post(session, {{"op", "commit"},
                                                {"number", number},
                                                {"rule", rule},
                                                {"state", kept},
                                                {"decisions", json::array({decision})}});
    EXPECT_TRUE(answer.contains("decisions")) << answer;
    const json acted = server_->post(session, {{"op", "act"}, {"decision", id}, {"action", 0}});
    const std::string became = answer.contains("decisions")
                                   ? answer.at("decisions")[0].at("state").get<std::string>()
                                   : answer.dump();
    EXPECT_EQ(acted.value("status", 200), became == "acting" ? 200 : 400) << acted;
    return became;
  };
  EXPECT_EQ(commit("tell", "run_pipeline", "acting"), "refused");
  EXPECT_EQ(commit("gate", "emit", "acting"), "refused") << "nobody has approved it";
  EXPECT_EQ(commit("none", "emit", "acting"), "refused");
  EXPECT_EQ(commit("tell", "emit", "acting"), "acting");
  EXPECT_EQ(commit("tell", "emit", "acting"), "held") << "by its guard, which is the server's";
  ASSERT_TRUE(eventually([&] { return in_state("done") == 1; })) << decisions().dump(1);
  EXPECT_EQ(in_state("refused"), 3U);
  for (const json& each : decisions()) EXPECT_EQ(each.at("agent"), "default/checker");
  EXPECT_EQ(runs(), 0U);
  EXPECT_EQ(server_->post(session, {{"op", "evaluate"}, {"expression", "${{ 1 }}"}, {"event", {}}})
                .value("status", 0),
            400);
  const json secrets = {{"source", "objects"},
                        {"object", "secrets.v1"},
                        {"namespace", "*"},
                        {"labels", ""},
                        {"path", "{.data}"}};
  for (const json& what : {secrets, json{{"source", "objects"}}, json::object(), json("all")})
    EXPECT_EQ(
        server_->post(session, {{"op", "watch"}, {"watch", 1}, {"what", what}}).value("status", 0),
        400)
        << what;
  EXPECT_EQ(server_->post(session, {{"op", "explode"}}).value("status", 0), 400);
  EXPECT_EQ(server_->post(session, {{"op", "commit"}}).value("status", 0), 400);
  EXPECT_EQ(server_->post(path + "/019aaaaa", {{"op", "newest"}}).value("status", 0), 409);
}

TEST_F(AgentProcessTest, WhatKeepsItFromRunningIsSaid) {
  apply(kRunOnDrift, "server");
  ASSERT_TRUE(eventually([&] { return agent().value("status", json()) == "active"; }));
  const Output in_server = scanflow({"agent", "run", "checker"});
  EXPECT_EQ(in_server.exit, 2);
  EXPECT_THAT(in_server.err, HasSubstr("write 'runs: process' into its document"));
  const Output unknown = scanflow({"agent", "run", "checkr"});
  EXPECT_EQ(unknown.exit, 2);
  EXPECT_THAT(unknown.err, HasSubstr("there is no agent 'default/checkr'"));
  EXPECT_THAT(unknown.err, HasSubstr("scanflow apply"));
  const Output nowhere = scanflow_({"agent", "run", "checker"});
  EXPECT_EQ(nowhere.exit, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("--server URL"));

  const std::string wrong = scanflow_.files() / "wrong.yaml";
  write(wrong,
        "apiVersion: scanflow.dev/v1\nkind: Agent\nmetadata: {name: checker}\nruns: elsewhere\n"
        "rules:\n  - {name: a, on: {event: {type: x}}, do: [{emit: {type: y}}]}\n");
  const Output applied = scanflow({"agent", "run", "checker", "-f", wrong});
  EXPECT_EQ(applied.exit, 2);
  EXPECT_THAT(applied.err, HasSubstr("'elsewhere' is not a value of 'runs'"));

  // A machine without plugins.
  namespace fs = std::filesystem;
  const fs::path bin = scanflow_.files().path() / "elsewhere" / "bin";
  fs::create_directories(bin);
  fs::copy_file(SCANFLOW_BINARY_DIR "/bin/scanflow", bin / "scanflow");
  apply(kRunOnDrift);
  ASSERT_TRUE(eventually([&] { return agent().value("status", json()) == "waiting"; }));
  Program program({bin / "scanflow", "agent", "run", "checker", "--server", server_->url()});
  const Output without = program.wait();
  EXPECT_EQ(without.exit, 2);
  EXPECT_THAT(without.err, HasSubstr("cannot be run on this machine"));
  EXPECT_THAT(without.err, HasSubstr("unknown trigger 'event'"));
  EXPECT_THAT(without.err, HasSubstr("--plugin-dir"));
  EXPECT_TRUE(agent().at("run_by").is_null()) << "it has given its lease back";
}

TEST_F(AgentProcessTest, AnEventIsActedUponWithinATenthOfASecond) {
  const auto program = run_ready(
      "  - {name: tell, on: {event: {type: ping}}, do: [{emit: {type: pong}}], guard: "
      "{max_per_hour: 3600}}\n");
  constexpr std::size_t kEvents = 50;
  for (std::size_t i = 0; i < kEvents; ++i) {
    emit("ping");
    ASSERT_TRUE(eventually([&] { return in_state("done") == i + 1; }));
  }
  std::vector<std::int64_t> took;
  for (const json& each : decisions())
    took.push_back(each.at("ended_us").get<std::int64_t>() -
                   each.at("evidence").at("time_us").get<std::int64_t>());
  std::sort(took.begin(), took.end());
  std::cerr << "from an event to its committed effect, by a process: p50 " << took[kEvents / 2]
            << " us, p99 " << took[kEvents - 1] << " us\n";
  EXPECT_LT(took[kEvents / 2], 100'000);
  end(*program);
}

}  // namespace
}  // namespace scanflow::test
