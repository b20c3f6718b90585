// Primitives of objects of a cluster that a server sends: recorded, done once, one after the other.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>

#include "engine/http/server.hpp"
#include "tests/integration/server_support.hpp"
#include "tests/support/kube/controllers.hpp"
#include "tests/support/kube/kubelet.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kWeb = "/apis/apps/v1/namespaces/default/deployments/web";

class Actions : public testing::Test {
 protected:
  Actions() {
    config_ = files_.write("kubeconfig", kube_.kubeconfig(kube_.admin_token()));
    kube_.create({{"apiVersion", "apps/v1"},
                  {"kind", "Deployment"},
                  {"metadata", {{"name", "web"}}},
                  {"spec",
                   {{"replicas", 2},
                    {"selector", {{"matchLabels", {{"app", "web"}}}}},
                    {"template",
                     {{"metadata", {{"labels", {{"app", "web"}}}}},
                      {"spec",
                       {{"containers",
                         json::array({{{"name", "main"}, {"image", "localhost/web:1"}}})}}}}}}}});
    start();
  }
  void start(std::vector<std::string> more = {}) {
    server_.reset();
    server_ = std::make_unique<ServerProgram>(
        there_, std::move(more), 0,
        Program::Environment{{"KUBECONFIG", config_}, {"no_proxy", "127.0.0.1"}});
  }
  Output cli(std::vector<std::string> words) const {
    words.insert(words.end(), {"--server", server_->url()});
    return here_(std::move(words));
  }
  /// What it is at once; then what becomes of it.
  json post(const json& body) const { return server_->post("/api/v1/actions", body); }
  json known(const std::string& id) const { return server_->get("/api/v1/actions/" + id); }
  json over(const std::string& id) const {
    EXPECT_TRUE(eventually([&] { return known(id).value("outcome", json()).is_string(); }))
        << known(id);
    return known(id);
  }
  static json scale(int replicas, const std::string& id) {
    return {{"object", "deployment/web"},
            {"primitive", "scale"},
            {"arguments", {{"replicas", replicas}}},
            {"by", "a test"},
            {"id", id}};
  }
  void slow(const char* verb, std::chrono::milliseconds delay, std::uint64_t times = UINT64_MAX) {
    kube::Fault fault;
    fault.kind = kube::Fault::Kind::slow;
    fault.verb = verb;
    fault.resource = "deployments";
    fault.delay = delay;
    fault.times = times;
    kube_.add_fault(fault);
  }
  int replicas() { return kube_.get(kWeb)["spec"]["replicas"]; }

  const TempDir files_;
  kube::KubeServer kube_;
  kube::Kubelet kubelet_{kube_};
  kube::Controllers controllers_{kube_};
  std::string config_;
  Scanflow there_, here_;
  std::unique_ptr<ServerProgram> server_;
};

TEST_F(Actions, AServerSendsThemAndKeepsARecord) {
  const Output sent = cli({"primitive", "send", "deployment/web", "scale", "replicas=3"});
  EXPECT_EQ(sent.exit, 0) << sent.err;
  EXPECT_THAT(sent.out, HasSubstr("✓ scale of Deployment default/web: DONE"));
  EXPECT_EQ(replicas(), 3);
  EXPECT_TRUE(eventually([&] {
    const kube::Answer events =
        kube_.ask("GET", "/apis/events.k8s.io/v1/namespaces/default/events");
    return (events.body.is_null() ? events.text : events.body.dump()).find("ScaleDone") !=
           std::string::npos;
  })) << "kubectl describe tells of it";
  const Output refused = cli({"primitive", "send", "deployment/none", "scale", "replicas=3"});
  EXPECT_EQ(refused.exit, 1) << refused.out;
  EXPECT_THAT(refused.out, HasSubstr("none"));
  const Output history = cli({"primitive", "history"});
  EXPECT_EQ(history.exit, 0);
  EXPECT_THAT(history.out, HasSubstr("scale of Deployment default/web: DONE"));
  EXPECT_THAT(history.out, HasSubstr("Deployment default/none: "));
  const json of_web =
      json::parse(cli({"primitive", "history", "deploy/web.default", "-o", "json"}).out);
  ASSERT_EQ(of_web["actions"].size(), 1u) << of_web;
  const json& action = of_web["actions"][0];
  EXPECT_EQ(action["arguments"]["replicas"], 3);
  EXPECT_EQ(action["evidence"]["changes"][0]["before"], json::parse(R"({"spec":{"replicas":2}})"));
  EXPECT_EQ(known(action["id"]), action);
  const json page = server_->get("/api/v1/actions?limit=1");
  ASSERT_TRUE(page["next"].is_string());
  EXPECT_EQ(server_->get("/api/v1/actions?limit=1&cursor=" +
                         page["next"].get<std::string>())["actions"][0]["id"],
            action["id"]);
}

TEST_F(Actions, AskedAgainWithTheSameIdItIsDoneOnce) {
  const json restart = {
      {"object", "deployment/web"}, {"primitive", "rollout_restart"}, {"id", "once"}};
  slow("patch", std::chrono::milliseconds(300));
  EXPECT_EQ(post(restart)["id"], "once");
  EXPECT_EQ(post(restart)["id"], "once") << "while it is under way";
  EXPECT_EQ(over("once")["outcome"], "DONE");
  const json after = kube_.get(kWeb);
  EXPECT_EQ(post(restart)["outcome"], "DONE");
  start();
  EXPECT_EQ(post(restart)["outcome"], "DONE") << "by the next server, too";
  EXPECT_EQ(kube_.get(kWeb)["metadata"]["generation"], after["metadata"]["generation"]);
  EXPECT_EQ(post(scale(1, "once"))["status"], 409) << "another request";
  json other = restart;
  other["object"] = "deployment/web-2";
  EXPECT_EQ(post(other)["status"], 409) << "of another object";
  other = restart;
  other["dry_run"] = true;
  EXPECT_EQ(post(other)["status"], 409);
  EXPECT_EQ(replicas(), 2);
}

TEST_F(Actions, AnIdThatIsUnderWayIsNoOtherObjects) {
  slow("patch", std::chrono::milliseconds(500));
  post(scale(3, "busy"));
  json other = scale(3, "busy");
  other["object"] = "deployment/other";
  EXPECT_EQ(post(other)["status"], 409);
  EXPECT_EQ(over("busy")["target"]["name"], "web");
}

TEST_F(Actions, WhatIsPutIntoASecretIsNotKept) {
  start({"--patch-allow",
         files_.write("allow.yaml", "allow: [{kind: Secret, fields: [/stringData]}]\n")});
  kube_.create({{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", "login"}}}});
  const Output sent = cli({"primitive", "send", "secrets.v1/login", "patch",
                           R"(patch={"stringData": {"p": "open sesame"}})", "-o", "json"});
  EXPECT_EQ(sent.exit, 0) << sent.out << sent.err;
  const json list = server_->get("/api/v1/actions");
  EXPECT_EQ(list.dump().find("open sesame"), std::string::npos) << list;
}

TEST_F(Actions, OfOneObjectComeOneAfterTheOther) {
  slow("get", std::chrono::milliseconds(100));
  for (int i = 0; i < 4; ++i) post(scale(3 + i, fmt::format("s{}", i)));
  std::int64_t last_us = 0;
  for (int i = 0; i < 4; ++i) {
    const json action = over(fmt::format("s{}", i));
    EXPECT_EQ(action["outcome"], "DONE");
    EXPECT_GE(action["started_us"].get<std::int64_t>(), last_us);
    last_us = action["ended_us"];
  }
  EXPECT_EQ(replicas(), 6);
}

TEST_F(Actions, WhatAKilledServerHadBegunIsIndeterminate) {
  slow("patch", std::chrono::seconds(30));
  post(scale(5, "cut"));
  ASSERT_TRUE(eventually([&] { return kube_.counters().count("patch", "deployments") > 0; }));
  server_->kill();
  kube_.clear_faults();
  start();
  const json action = known("cut");
  EXPECT_EQ(action["outcome"], "INDETERMINATE");
  EXPECT_THAT(action["message"].get<std::string>(), HasSubstr("look at the object"));
}

TEST_F(Actions, AServerThatStopsBreaksThemOffAndSaysSo) {
  slow("get", std::chrono::seconds(30));
  post(scale(5, "first"));
  post(scale(6, "second"));
  EXPECT_EQ(server_->stop(), 0);
  kube_.clear_faults();
  start();
  EXPECT_EQ(known("first")["outcome"], "INDETERMINATE") << known("first");
  EXPECT_EQ(known("second")["outcome"], "REFUSED");
  EXPECT_EQ(replicas(), 2);
}

TEST_F(Actions, PatchIsGuardedByTheServersOwnList) {
  const std::vector<std::string> paused = {"primitive", "send", "deployment/web", "patch",
                                           R"(patch={"spec": {"paused": true}})"};
  EXPECT_THAT(cli(paused).out, HasSubstr("REFUSED"));
  start({"--patch-allow",
         files_.write("allow.yaml", "allow: [{kind: Deployment.apps, fields: [/spec/paused]}]\n")});
  EXPECT_EQ(cli(paused).exit, 0);
  EXPECT_EQ(kube_.get(kWeb)["spec"]["paused"], true);
  std::vector<std::string> own = paused;
  own.insert(own.end(), {"--patch-allow", "/tmp/x"});
  const Output refused = cli(own);
  EXPECT_EQ(refused.exit, 2);
  EXPECT_THAT(refused.err, HasSubstr("the server has its own"));
  const Output bad = there_({"server", "--patch-allow", "/no/such/file"});
  EXPECT_EQ(bad.exit, 2);
  EXPECT_THAT(bad.err, HasSubstr("/no/such/file"));
}

TEST_F(Actions, WhatIsWrongIsSaidAndNotRecorded) {
  EXPECT_EQ(post({{"object", "deployment/web"}})["status"], 400);
  EXPECT_EQ(post({{"object", "web"}, {"primitive", "scale"}})["status"], 400);
  EXPECT_EQ(post(scale(1, "no_underscore"))["status"], 400);
  json odd = scale(1, "x");
  odd["arguments"] = {{"replicas", "many"}};
  EXPECT_EQ(post(odd)["status"], 400);
  odd = scale(1, "x");
  odd["deadline"] = "soon";
  EXPECT_EQ(post(odd)["status"], 400);
  EXPECT_EQ(known("x")["status"], 404);
  EXPECT_EQ(server_->get("/api/v1/actions?cursor=x")["status"], 400);
  config_ = files_.write("none", "");
  start();
  const json lost = post(scale(1, "y"));
  EXPECT_EQ(lost["status"], 503) << lost;
  EXPECT_THAT(server_->get("/api/v1/actions")["actions"], IsEmpty());
}

/// Beside what runs already: a Deployment that somebody else has made, and figures that a Prometheus has.
TEST_F(Actions, AnAgentRecommendsForWhatItHasNotMadeAndDoesItOnceAPersonApproves) {
  auto prometheus = http::Server::listen("127.0.0.1:0");
  ASSERT_TRUE(prometheus) << prometheus.error().message;
  std::atomic<int> waiting = 3;
  (*prometheus)->start([&](const http::Request& request, const http::Reply& reply) {
    EXPECT_EQ(request.parameter("query"), "sum(queue_length)");
    const json value = {1'800'000'000.5, std::to_string(waiting)};
    const json result = {{{"metric", {{"app", "web"}}}, {"value", value}}};
    reply(http::respond(
        200, {{"status", "success"}, {"data", {{"resultType", "vector"}, {"result", result}}}}));
  });
  const std::string agent = files_.write(
      "agent.yaml",
      "apiVersion: scanflow.dev/v1\nkind: Agent\nmetadata: {name: beside}\nrules:\n"
      "  - name: more\n"
      "    on: {prometheus: {url: \"http://" +
          (*prometheus)->address() +
          "\", query: sum(queue_length), every: 1s, above: 100}}\n"
          "    do: [{scale: {replicas: 4, target: {object: deployment/web, namespace: default}}}]\n"
          "    guard: {mode: approve}\n");
  const Output applied = cli({"apply", "-f", agent});
  ASSERT_EQ(applied.exit, 0) << applied.err;
  const auto decided = [&](const std::string& state) {
    const json all = server_->get("/api/v1/decisions").at("decisions");
    return !all.empty() && all[0].at("state") == state;
  };
  waiting = 150;
  ASSERT_TRUE(eventually([&] { return decided("waiting"); })) << server_->log();
  const json decision = server_->get("/api/v1/decisions").at("decisions")[0];
  EXPECT_EQ(decision.at("evidence").at("value"), 150) << decision;
  EXPECT_EQ(replicas(), 2) << "nobody has approved it";
  const Output approved = cli({"agent", "approve", decision.at("id")});
  ASSERT_EQ(approved.exit, 0) << approved.err;
  EXPECT_TRUE(eventually([&] { return decided("done"); }))
      << server_->get("/api/v1/decisions").dump(1);
  EXPECT_EQ(replicas(), 4);
  server_->stop();
}

}  // namespace
}  // namespace scanflow::test
