// Applications in a real server: what their teams may do at each door, and what their quotas hold back.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/integration/server_support.hpp"

namespace scanflow::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string application(const std::string& teams, const std::string& name = "app") {
  return "apiVersion: scanflow.dev/v1\nkind: Application\nmetadata: {name: " + name +
         "}\nteams:\n" + teams;
}

std::string pipeline_in(const std::string& name_space, const std::string& name,
                        const std::string& steps) {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: " + name +
         ", namespace: " + name_space + "}\nsteps:\n" + steps;
}

constexpr const char* kQuick = "  - {name: a, run: \"true\"}\n";

class ApplicationsTest : public testing::Test {
 protected:
  Output scanflow(std::vector<std::string> words) const {
    words.insert(words.end(), {"--server", server_->url()});
    return scanflow_(std::move(words));
  }
  std::string file(const std::string& name, const std::string& text) const {
    return scanflow_.files().write(name, text);
  }
  void apply(const std::string& text) const {
    const Output applied = scanflow({"apply", "-f", file("applied.yaml", text)});
    ASSERT_EQ(applied.exit, 0) << applied.err;
  }
  std::string refused(std::vector<std::string> words, int exit = 2) const {
    const Output said = scanflow(std::move(words));
    EXPECT_EQ(said.exit, exit) << said.out << said.err;
    return said.err;
  }
  /// A step that ends once the file is there.
  std::string until(const std::string& name, const std::string& more = "") const {
    return fmt::format("  - {{name: wait, run: 'until [ -e {} ]; do sleep 0.05; done'{}}}\n",
                       (scanflow_.files() / name).string(), more);
  }
  void let_go(const std::string& name) const { scanflow_.files().write(name, ""); }
  std::string begin(const std::string& name, const std::string& name_space = "") const {
    json body = {{"pipeline", name}};
    if (!name_space.empty()) body["namespace"] = name_space;
    const json begun = server_->post("/api/v1/runs", body);
    EXPECT_TRUE(begun.contains("run")) << begun;
    return begun.value("run", "");
  }
  std::string status(const std::string& run) const {
    return server_->get("/api/v1/runs/" + run).value("status", "");
  }
  json team(const std::string& name) const {
    const json all = server_->get("/api/v1/applications").at("applications");
    for (const json& each : all) {
      for (const json& one : each.at("teams"))
        if (one.at("name") == name) return one;
    }
    return {};
  }
  json used(const std::string& of_team, const std::string& what) const {
    const json one = team(of_team);
    for (const json& row : one.at("quota"))
      if (row.at("name") == what) return row.at("used");
    return {};
  }
  void restart() {
    server_->kill();
    server_ = std::make_unique<ServerProgram>(scanflow_);
  }

  const Scanflow scanflow_;
  std::unique_ptr<ServerProgram> server_ = std::make_unique<ServerProgram>(scanflow_);
};

TEST_F(ApplicationsTest, ATeamRunsPipelinesOfOthersOnlyWhereItMay) {
  apply(application("  - {name: data}\n  - {name: science}\n") + "---\n" +
        pipeline_in("app-data", "split", kQuick));
  const auto said = AllOf(HasSubstr("the team science of the application app may not use the "
                                    "pipeline app-data/split@1"),
                          HasSubstr("the Application default/app: \"app-data/split\""));
  EXPECT_THAT(refused({"run", "app-data/split", "-n", "app-science", "-q"}), said);
  EXPECT_THAT(refused({"run", "app-data/split", "-n", "app-science", "--dry-run"}), said);
  EXPECT_THAT(refused({"validate", "app-data/split", "-n", "app-science"}), said);
  const json told =
      server_->post("/api/v1/runs", {{"pipeline", "app-data/split"}, {"namespace", "app-science"}});
  EXPECT_EQ(told["status"], 400) << told;
  EXPECT_THAT(told["message"].get<std::string>(), said);
  const std::string caller =
      pipeline_in("app-science", "train", "  - {name: data, pipeline: app-data/split}\n");
  EXPECT_THAT(refused({"apply", "-f", file("train.yaml", caller)}),
              AllOf(HasSubstr("train.yaml:5:12: error: step 'data' calls app-data/split"),
                    HasSubstr("1 error; nothing was applied")));
  EXPECT_THAT(refused({"run", file("train.yaml", caller), "-q"}), HasSubstr("may not use"));
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"run", "app-data/split", "-q"},
                                             {"run", "split", "-n", "app-data", "-q"},
                                             {"run", "app-data/split", "-n", "elsewhere", "-q"}})
    EXPECT_EQ(scanflow(words).exit, 0) << "free, or its own";

  apply(application("  - {name: data}\n  - {name: science, uses: [app-data/split@1]}\n"));
  EXPECT_EQ(scanflow({"run", "app-data/split", "-n", "app-science", "-q"}).exit, 0);
  apply(caller);
  EXPECT_EQ(scanflow({"run", "app-science/train", "-q"}).exit, 0);
  apply(pipeline_in("app-data", "split", "  - {name: b, run: \"true\"}\n"));
  EXPECT_THAT(refused({"run", "app-science/train", "-q"}), HasSubstr("app-data/split@2"))
      << "a right to one version";
  EXPECT_EQ(scanflow({"run", "app-data/split@1", "-n", "app-science", "-q"}).exit, 0);
  restart();
  EXPECT_THAT(refused({"run", "app-science/train", "-q"}), HasSubstr("app-data/split@2"));
  EXPECT_EQ(scanflow({"delete", "application", "app"}).exit, 0);
  EXPECT_EQ(scanflow({"run", "app-science/train", "-q"}).exit, 0) << "free again";
}

TEST_F(ApplicationsTest, AnAgentActsForItsNamespace) {
  apply(application("  - {name: data}\n  - {name: science}\n") + "---\n" +
        pipeline_in("app-data", "split", kQuick) +
        "---\napiVersion: scanflow.dev/v1\nkind: Agent\nmetadata: {name: planner, namespace: "
        "app-science}\nrules:\n  - name: go\n    on: {event: {type: go}}\n"
        "    do: [{run_pipeline: {pipeline: app-data/split}}]\n");
  ASSERT_TRUE(eventually([&] {
    const json agents = server_->get("/api/v1/agents").at("agents");
    return !agents.empty() && agents[0].at("status") == "active" && !agents[0].at("rules").empty();
  }));
  const auto decided = [&] { return server_->get("/api/v1/decisions").at("decisions"); };
  const auto ended = [&](std::size_t count) {
    return eventually([&] {
      const json all = decided();
      return all.size() == count &&
             (all[0].at("state") == "done" || all[0].at("state") == "failed");
    });
  };
  ASSERT_TRUE(server_->post("/api/v1/events", {{"type", "go"}}).contains("seq"));
  ASSERT_TRUE(ended(1)) << decided();
  EXPECT_THAT(decided()[0].at("actions").dump(), HasSubstr("may not use the pipeline"));
  apply(application("  - {name: data}\n  - {name: science, uses: [\"app-data/*\"]}\n"));
  ASSERT_TRUE(server_->post("/api/v1/events", {{"type", "go"}}).contains("seq"));
  ASSERT_TRUE(ended(2)) << decided();
  const std::string run = decided()[0].at("actions")[0].at("evidence").at("run");
  EXPECT_TRUE(server_->reaches(run, "succeeded"));
}

TEST_F(ApplicationsTest, SecretsAreThoseOfTheTeam) {
  apply(application("  - {name: data, secrets: [{env: MINE}]}\n"));
  const auto asks = [](const std::string& variable) {
    return pipeline_in(
        "app-data", "p",
        "  - name: a\n    run: \"true\"\n    secrets: {T: {env: " + variable + "}}\n");
  };
  const auto said = AllOf(HasSubstr("names the secret T, which the team data of the application "
                                    "app has not"),
                          HasSubstr("{env: THEIRS}"));
  EXPECT_THAT(refused({"apply", "-f", file("p.yaml", asks("THEIRS"))}), said);
  EXPECT_THAT(refused({"validate", file("p.yaml", asks("THEIRS"))}), said);
  EXPECT_THAT(refused({"diff", "-f", file("p.yaml", asks("THEIRS"))}), said);
  const json told = server_->post("/api/v1/runs",
                                  {{"source", asks("THEIRS")}, {"environment", {{"THEIRS", "x"}}}});
  EXPECT_THAT(told.value("message", ""), said) << told;
  const json begun =
      server_->post("/api/v1/runs", {{"source", asks("MINE")}, {"environment", {{"MINE", "x"}}}});
  ASSERT_TRUE(begun.contains("run")) << begun;
  EXPECT_TRUE(server_->reaches(begun["run"], "succeeded"));
  apply(asks("MINE"));
  apply(application("  - {name: data, secrets: []}\n"));
  const json before =
      server_->post("/api/v1/runs", {{"pipeline", "app-data/p"}, {"environment", {{"MINE", "x"}}}});
  EXPECT_THAT(before.value("message", ""), HasSubstr("names the secret T"))
      << "what was registered before is held to it, too";
}

TEST_F(ApplicationsTest, RunsBeyondTheQuotaWaitForTheirTurnAndSaySo) {
  apply(application("  - {name: data, quota: {runs: 1}}\n") + "---\n" +
        pipeline_in("app-data", "one", until("one")) + "---\n" +
        pipeline_in("app-data", "two", until("two")) + "---\n" +
        pipeline_in("elsewhere", "free", kQuick));
  const std::string first = begin("app-data/one");
  ASSERT_TRUE(server_->reaches(first, "running"));
  const std::string second = begin("app-data/two"), third = begin("app-data/one");
  EXPECT_EQ(status(second), "queued");
  EXPECT_EQ(scanflow({"run", "elsewhere/free", "-q"}).exit, 0);
  const auto why = HasSubstr(
      "it waits for the quota of app-data (the team data of the application app): 1 of 1 run");
  EXPECT_THAT(scanflow({"runs", "show", second}).out, why);
  EXPECT_THAT(scanflow({"runs", "list", "--status", "queued", "-o", "json"}).out, why);
  EXPECT_THAT(scanflow({"top", "--once"}).out, why);
  const Output shown = scanflow({"application", "show", "app"});
  EXPECT_EQ(shown.exit, 0) << shown.err;
  EXPECT_THAT(shown.out, AllOf(HasSubstr("1/1 +2 queued"), why));

  restart();
  ASSERT_TRUE(server_->reaches(first, "running"));
  EXPECT_EQ(status(second), "queued");
  EXPECT_EQ(used("data", "runs"), 1);
  EXPECT_THAT(scanflow({"top", "--once"}).out, why);
  EXPECT_EQ(scanflow({"runs", "cancel", third, "-q"}).exit, 0);
  let_go("one");
  ASSERT_TRUE(server_->reaches(first, "succeeded"));
  ASSERT_TRUE(server_->reaches(second, "running"));
  const std::string fourth = begin("app-data/two");
  EXPECT_EQ(status(fourth), "queued");
  apply(application("  - {name: data, quota: {runs: 2}}\n"));
  EXPECT_TRUE(server_->reaches(fourth, "running")) << "a raised quota holds at once";
  let_go("two");
  EXPECT_TRUE(server_->reaches(second, "succeeded"));
  EXPECT_TRUE(server_->reaches(fourth, "succeeded"));
  EXPECT_EQ(used("data", "runs"), 0);
}

TEST_F(ApplicationsTest, TheOldestBeginsFirst) {
  apply(application("  - {name: data, quota: {runs: 1}}\n") + "---\n" +
        pipeline_in("app-data", "quick", kQuick));
  std::vector<std::string> runs;
  for (int i = 0; i < 30; ++i) runs.push_back(begin("app-data/quick"));
  std::int64_t before = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    ASSERT_TRUE(server_->reaches(runs[i], "succeeded"));
    const json events = server_->get("/api/v1/runs/" + runs[i] + "/events").at("events");
    std::int64_t started = 0;
    for (const json& each : events)
      if (each.at("type") == "attempt_started") started = each.at("time_us");
    EXPECT_GT(started, before) << "the run " << i << " began before one that waited";
    before = started;
  }
}

TEST_F(ApplicationsTest, ACalledRunIsPartOfItsCallersAndWaitsForNoTurn) {
  apply(application("  - {name: data, quota: {runs: 1}}\n") + "---\n" +
        pipeline_in("app-data", "inner", kQuick) + "---\n" +
        pipeline_in("app-data", "outer", "  - {name: call, pipeline: inner}\n"));
  EXPECT_EQ(scanflow({"run", "app-data/outer", "-q"}).exit, 0);
}

TEST_F(ApplicationsTest, StepsWaitForWhatTheirNamespaceMayAskFor) {
  const auto asks = [&](const std::string& file, const std::string& cpu) {
    return until(file, ", resources: {requests: {cpu: " + cpu + "}}");
  };
  apply(application("  - {name: data, quota: {cpus: 500m}}\n") + "---\n" +
        pipeline_in("app-data", "one", asks("one", "300m")) + "---\n" +
        pipeline_in("app-data", "two", asks("two", "250m")));
  const std::string first = begin("app-data/one");
  ASSERT_TRUE(eventually([&] { return used("data", "cpus") == 0.3; })) << team("data");
  const std::string second = begin("app-data/two");
  ASSERT_TRUE(eventually([&] { return !team("data").at("waiting").empty(); })) << team("data");
  EXPECT_EQ(used("data", "cpus"), 0.3);
  const auto why = HasSubstr(
      "wait waits for the quota of app-data (the team data of the "
      "application app): 0.3 of 0.5 CPUs in use");
  EXPECT_THAT(scanflow({"top", "--once"}).out, why);
  EXPECT_THAT(team("data").at("waiting")[0].at("why").get<std::string>(), why);
  let_go("one");
  EXPECT_TRUE(server_->reaches(first, "succeeded"));
  EXPECT_TRUE(eventually([&] { return used("data", "cpus") == 0.25; })) << team("data");
  EXPECT_TRUE(team("data").at("waiting").empty());
  let_go("two");
  EXPECT_TRUE(server_->reaches(second, "succeeded"));
  const std::string big = pipeline_in("app-data", "big", asks("one", "600m"));
  const auto never = HasSubstr(
      "can never start: it asks for 0.6 CPUs of 0.5, more than the whole "
      "quota of app-data");
  EXPECT_THAT(refused({"run", file("big.yaml", big), "-q"}), never);
  EXPECT_THAT(refused({"apply", "-f", file("big.yaml", big)}), never);
}

TEST_F(ApplicationsTest, ACalledRunDoesNotWaitBehindOneThatWaitsForItsCallersTurn) {
  const auto train = [&](const std::string& name_space, const std::string& more) {
    return pipeline_in(name_space, "train", kQuick) + "concurrency: {group: gpu" + more + "}\n";
  };
  apply(application("  - {name: data, quota: {runs: 1}}\n") + "---\n" +
        train("app-data", ", max: 1") + "---\n" + train("elsewhere", ", policy: reject") + "---\n" +
        pipeline_in("app-data", "outer",
                    until("go") + "  - {name: call, needs: [wait], pipeline: train}\n"));
  const std::string outer = begin("app-data/outer");
  ASSERT_TRUE(server_->reaches(outer, "running"));
  const std::string queued = begin("app-data/train");
  EXPECT_EQ(status(queued), "queued");
  EXPECT_EQ(scanflow({"run", "elsewhere/train", "-q"}).exit, 0) << "the group is idle";
  EXPECT_EQ(status(queued), "queued");
  let_go("go");
  EXPECT_TRUE(server_->reaches(outer, "succeeded"));
  EXPECT_TRUE(server_->reaches(queued, "succeeded"));
}

TEST_F(ApplicationsTest, WhatALoweredQuotaNeverLetsStartHoldsUpNobody) {
  const std::string asks = ", resources: {requests: {cpu: ";
  apply(application("  - {name: data, quota: {cpus: 500m}}\n") + "---\n" +
        pipeline_in(
            "app-data", "big",
            until("go") + "  - {name: big, needs: [wait], run: \"true\"" + asks + "400m}}}\n") +
        "---\n" +
        pipeline_in("app-data", "small", "  - {name: small, run: \"true\"" + asks + "100m}}}\n"));
  const std::string big = begin("app-data/big");
  ASSERT_TRUE(server_->reaches(big, "running"));
  apply(application("  - {name: data, quota: {cpus: 200m}}\n"));
  let_go("go");
  ASSERT_TRUE(eventually([&] { return !team("data").at("waiting").empty(); })) << team("data");
  EXPECT_THAT(scanflow({"top", "--once"}).out,
              HasSubstr("big can never start under the quota of app-data (the team data of the "
                        "application app): it asks for 0.4 CPUs of 0.2"));
  EXPECT_EQ(scanflow({"run", "app-data/small", "-q"}).exit, 0);
  apply(application("  - {name: data, quota: {cpus: 400m}}\n"));
  EXPECT_TRUE(server_->reaches(big, "succeeded"));
}

TEST_F(ApplicationsTest, ASecondAttemptThatNoQuotaHoldsBesideTheFirstIsRefused) {
  apply(application("  - {name: data, quota: {cpus: 500m}}\n") + "---\n" +
        pipeline_in("app-data", "slow", until("go", ", resources: {requests: {cpu: 300m}}")));
  const std::string run = begin("app-data/slow");
  ASSERT_TRUE(eventually([&] { return used("data", "cpus") == 0.3; })) << team("data");
  const Output asked =
      scanflow({"primitive", "send", "engine", "hedge_step", "run=" + run, "step=wait"});
  EXPECT_NE(asked.exit, 0);
  EXPECT_THAT(asked.out, HasSubstr("step wait has no room for a second attempt beside the first: "
                                   "both would ask for 0.6 CPUs of 0.5, more than the whole quota "
                                   "of app-data (the team data of the application app)"));
  let_go("go");
  EXPECT_TRUE(server_->reaches(run, "succeeded"));
}

TEST_F(ApplicationsTest, OneServiceTooManyIsNotRegistered) {
  const auto service = [](const std::string& name) {
    return "apiVersion: scanflow.dev/v1\nkind: InferenceService\nmetadata: {name: " + name +
           ", namespace: app-data}\ngraph:\n  - {name: a, url: "
           "\"http://127.0.0.1:9/v2/models/a\"}\n";
  };
  // On the state directory itself: nothing is served.
  const Scanflow local;
  const auto apply_here = [&](const std::string& text) {
    return local({"apply", "-f", local.files().write("s.yaml", text)});
  };
  const std::string quota = application("  - {name: data, quota: {services: 1}}\n");
  const Output both = apply_here(quota + "---\n" + service("one") + "---\n" + service("two"));
  EXPECT_EQ(both.exit, 2) << both.out;
  EXPECT_THAT(both.err, HasSubstr("the service app-data/two is one too many: the quota of app-data "
                                  "(the team data of the application app) is 1 service"));
  EXPECT_EQ(apply_here(quota + "---\n" + service("one")).exit, 0);
  EXPECT_EQ(apply_here(service("two")).exit, 2);
  EXPECT_EQ(apply_here(service("one") + "# changed\n").exit, 0) << "no more than before";
  EXPECT_EQ(local({"delete", "inferenceservice", "app-data/one"}).exit, 0);
  EXPECT_EQ(apply_here(service("two")).exit, 0);
}

TEST_F(ApplicationsTest, TheyAreListedShownAndMadeManifestsOf) {
  EXPECT_THAT(scanflow({"application", "list"}).out, HasSubstr("no application is registered"));
  apply(application("  - {name: data}\n  - {name: science, quota: {cpus: 2, memory: 1Gi}, secrets: "
                    "[], uses: [app-data/split]}\n") +
        "---\n" + pipeline_in("app-data", "split", kQuick));
  EXPECT_THAT(scanflow({"get", "applications"}).out, HasSubstr("app"));
  EXPECT_THAT(scanflow({"get", "application", "app", "-o", "yaml"}).out,
              HasSubstr("kind: Application"));
  EXPECT_THAT(scanflow({"application", "list"}).out, HasSubstr("app-data, app-science"));
  const Output shown = scanflow({"application", "show", "app"});
  EXPECT_THAT(shown.out,
              AllOf(HasSubstr("default/app (version 1)"), HasSubstr("0/2"), HasSubstr("0/1.0 GiB"),
                    HasSubstr("science may use app-data/split; its secrets: none"),
                    HasSubstr("data may use its own pipelines alone; its secrets: any")));
  const json told = json::parse(scanflow({"application", "show", "app", "-o", "json"}).out);
  EXPECT_EQ(told.at("teams")[0].at("documents").at("Pipeline"), 1);
  EXPECT_EQ(told.at("teams")[1].at("quota")[1],
            (json{{"name", "cpus"}, {"used", 0.0}, {"limit", 2.0}}));
  EXPECT_THAT(refused({"application", "show", "ap"}), HasSubstr("did you mean 'default/app'?"));
  const std::string manifests = scanflow({"application", "manifests", "app"}).out;
  EXPECT_THAT(manifests, AllOf(HasSubstr("kind: Namespace"), HasSubstr("name: app-science"),
                               HasSubstr("requests.cpu: \"2\""), HasSubstr("kind: RoleBinding")));
  const Output of_file =
      scanflow_({"application", "manifests", "-f", scanflow_.files() / "a.yaml"});
  EXPECT_EQ(of_file.exit, 2);
  const std::string named = file("a.yaml", application("  - {name: data}\n"));
  EXPECT_EQ(scanflow_({"application", "manifests", "-f", named}).exit, 0);
  EXPECT_THAT(refused({"application", "manifests"}), HasSubstr("of which application?"));
  EXPECT_THAT(refused({"application", "manifests", "-f", file("b.yaml", application("  []\n"))}),
              HasSubstr("b.yaml:5:3: error:"));
}

TEST_F(ApplicationsTest, WhatIsWrongIsNotRegistered) {
  apply(application("  - {name: b-c}\n", "a"));
  EXPECT_THAT(refused({"apply", "-f", file("x.yaml", application("  - {name: c}\n", "a-b"))}),
              AllOf(HasSubstr("the namespace a-b-c is of the team c of the Application "
                              "default/a-b, and of the team b-c of the Application default/a"),
                    HasSubstr("nothing was applied")));
  apply(application("  - {name: b}\n", "a"));
  apply(application("  - {name: c}\n", "a-b"));
  EXPECT_THAT(refused({"apply", "-f",
                       file("x.yaml", application("  - {name: c, quota: {runs: "
                                                  "0}}\n"))}),
              HasSubstr("leave it out for no limit"));
  EXPECT_EQ(server_->get("/api/v1/applications").at("applications").size(), 2u);
  EXPECT_EQ(server_->post("/api/v1/applications").at("status"), 405);
}

}  // namespace
}  // namespace scanflow::test
