// Agents that watch objects of a cluster that they have not made.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/integration/server_support.hpp"
#include "tests/support/kube/server.hpp"

namespace scanflow::test {
namespace {

class ClusterAgents : public testing::Test {
 protected:
  /// One rule, which emits what it saw.
  void apply(const std::string& trigger) {
    const std::string file = scanflow_.files() / "agent.yaml";
    write(file,
          "apiVersion: scanflow.dev/v1\nkind: Agent\nmetadata: {name: watcher}\nrules:\n"
          "  - name: seen\n    on: {kubernetes: {" +
              trigger +
              "}}\n    do: [{emit: {type: seen, payload: {name: '${{ event.object.name }}', value: "
              "'${{ event.value }}'}}}]\n    guard: {max_per_hour: 1000}\n");
    const Output applied = scanflow_({"apply", "-f", file, "--server", server_->url()});
    ASSERT_EQ(applied.exit, 0) << applied.err;
  }
  bool watches() {
    return eventually([&] { return kube_.counters().watches > 0; });
  }
  std::string told() {
    return server_->get("/api/v1/decisions?limit=1000").dump(1) + agent().dump();
  }
  json agent() {
    const json agents = server_->get("/api/v1/agents").at("agents");
    return agents.empty() ? json::object() : agents[0];
  }
  std::vector<std::string> seen() {
    std::vector<std::string> names;
    const json all = server_->get("/api/v1/decisions?limit=1000").at("decisions");
    for (const json& each : all)
      if (each.at("state") == "done") names.push_back(each.at("evidence").at("object").at("name"));
    std::sort(names.begin(), names.end());
    return names;
  }
  bool come_to_be_seen(const std::vector<std::string>& names) {
    return eventually([&] { return seen() == names; });
  }
  void make(const std::string& name, const std::string& app = "web") {
    kube_.create(
        {{"apiVersion", "v1"},
         {"kind", "Pod"},
         {"metadata", {{"name", name}, {"namespace", "default"}, {"labels", {{"app", app}}}}},
         {"spec", {{"containers", {{{"name", "main"}, {"image", "app"}}}}}}});
  }
  static std::string path_of(const std::string& pod) {
    return "/api/v1/namespaces/default/pods/" + pod;
  }
  void set_phase(const std::string& name, const std::string& phase) {
    kube_.ask("PATCH", path_of(name) + "/status", {{"status", {{"phase", phase}}}},
              "application/merge-patch+json");
  }
  void remove(const std::string& name) {
    kube_.ask("DELETE", path_of(name), {{"gracePeriodSeconds", 0}});
  }
  void begin(const std::string& token) {
    config_ = scanflow_.files().write("kubeconfig", kube_.kubeconfig(token));
    server_ = std::make_unique<ServerProgram>(scanflow_, std::vector<std::string>(), 0,
                                              Program::Environment{{"KUBECONFIG", config_}});
  }
  void end() { server_->kill(); }

  kube::KubeServer kube_;
  const Scanflow scanflow_;
  std::string config_;
  std::unique_ptr<ServerProgram> server_;
};

TEST_F(ClusterAgents, APodThatFailsIsSeenOnceAlsoAfterARestart) {
  make("a");
  make("other", "db");
  begin(kube_.admin_token());
  apply("object: pods, labels: app=web, path: '{.status.phase}', is: [Failed]");
  set_phase("a", "Failed");
  set_phase("other", "Failed");
  ASSERT_TRUE(come_to_be_seen({"a"})) << told();
  end();
  make("b");
  set_phase("b", "Failed");
  begin(kube_.admin_token());
  EXPECT_TRUE(come_to_be_seen({"a", "b"})) << told();
  kube_.drop_watches();
  kube_.compact();  // it lists them anew
  make("c");
  set_phase("c", "Failed");
  EXPECT_TRUE(come_to_be_seen({"a", "b", "c"})) << told();
}

TEST_F(ClusterAgents, WhatGoesWhileNobodyIsThereIsSeenAfterwards) {
  make("a");
  make("b");
  begin(kube_.admin_token());
  apply("object: pods, when: disappears");
  ASSERT_TRUE(watches()) << told();
  make("c");
  remove("c");
  ASSERT_TRUE(come_to_be_seen({"c"})) << told();
  end();
  remove("a");
  begin(kube_.admin_token());
  EXPECT_TRUE(come_to_be_seen({"a", "c"})) << told();
}

TEST_F(ClusterAgents, OneThatWasPausedLooksAnew) {
  make("a");
  begin(kube_.admin_token());
  apply("object: pod/a, path: '{.status.phase}', is: [Failed]");
  const auto pause = [&](bool paused) {
    server_->post("/api/v1/agents/default/watcher/pause", {{"paused", paused}});
  };
  ASSERT_TRUE(eventually([&] { return agent().value("status", "") == "active"; }));
  pause(true);
  set_phase("a", "Failed");
  pause(false);
  EXPECT_TRUE(come_to_be_seen({"a"})) << told();
}

TEST_F(ClusterAgents, WhyItCannotWatchIsShown) {
  begin(kube_.add_user("nobody"));
  apply("object: pods, path: '{.status.phase}'");
  EXPECT_TRUE(eventually([&] {
    return agent().value("problem", "").find("forbidden") != std::string::npos;
  })) << told();
  apply("object: pods, path: '{.status'");
  EXPECT_TRUE(eventually([&] {
    return agent().value("problem", "").find("is no path into an object") != std::string::npos;
  })) << told();
  apply("object: gadgets");
  EXPECT_TRUE(eventually([&] {
    return agent().value("problem", "").find("the kind 'gadgets' is not known here") !=
           std::string::npos;
  })) << told();
}

}  // namespace
}  // namespace scanflow::test
