// scale, eviction, resize, log; and what a kubelet does of a test's choosing.
#include <gmock/gmock.h>

#include <future>

#include "tests/support/kube/kubelet.hpp"
#include "tests/unit/kube_server/fixture.hpp"

namespace scanflow::test::kube {
namespace {

class SubresourcesTest : public KubeTest {
 protected:
  std::string phase(const std::string& pod) {
    return server_.get(kPods + "/" + pod)["status"]["phase"];
  }

  Kubelet kubelet_{server_};
};

TEST_F(SubresourcesTest, ABudgetThatIsSpentForbidsEvictions) {
  json budget = {{"apiVersion", "policy/v1"},
                 {"kind", "PodDisruptionBudget"},
                 {"metadata", {{"name", "b"}}},
                 {"spec", {{"minAvailable", 1}, {"selector", {{"matchLabels", {{"app", "x"}}}}}}}};
  server_.create(budget);
  server_.create(pod_of("p", {{"app", "x"}}));
  const json eviction = {
      {"apiVersion", "policy/v1"}, {"kind", "Eviction"}, {"metadata", {{"name", "p"}}}};
  const Given refused = client_.ask("POST", kPods + "/p/eviction", eviction);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.body()["details"]["causes"][0]["reason"], "DisruptionBudget");
  budget["status"] = {{"disruptionsAllowed", 1}};
  const std::string path = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/b/status";
  EXPECT_EQ(client_.ask("PUT", path, budget).status, 200);
  EXPECT_EQ(client_.ask("POST", kPods + "/p/eviction", eviction).status, 201);
  EXPECT_TRUE(server_.get(kPods + "/p").is_null());
}

TEST_F(SubresourcesTest, AResizeKeepsTheClassOfService) {
  json pod = pod_of("p");
  pod["spec"]["containers"][0]["resources"] = {{"requests", {{"cpu", "1"}}}};
  server_.create(pod);
  const auto resize = [&](const json& resources) {
    const json patch = {
        {"spec", {{"containers", json::array({{{"name", "main"}, {"resources", resources}}})}}}};
    return client_.ask("PATCH", kPods + "/p/resize", patch,
                       "application/strategic-merge-patch+json");
  };
  EXPECT_EQ(resize({{"requests", {{"cpu", "2"}}}}).status, 200);
  const json main = server_.get(kPods + "/p")["status"]["containerStatuses"][0];
  EXPECT_EQ(main["allocatedResources"]["cpu"], "2");
  const json limits = {{"requests", {{"cpu", "2"}, {"memory", "1Gi"}}},
                       {"limits", {{"cpu", "2"}, {"memory", "1Gi"}}}};
  EXPECT_EQ(resize(limits).status, 422);
}

TEST_F(SubresourcesTest, AResizeMayHaveToWait) {
  PodScript full;
  full.resize_pending = "Deferred";
  kubelet_.script(full);
  json pod = pod_of("p");
  pod["spec"]["containers"][0]["resources"] = {{"requests", {{"cpu", "1"}}}};
  server_.create(pod);
  const json patch = {
      {"spec",
       {{"containers",
         json::array({{{"name", "main"}, {"resources", {{"requests", {{"cpu", "9"}}}}}}})}}}};
  client_.ask("PATCH", kPods + "/p/resize", patch, "application/strategic-merge-patch+json");
  const json condition = server_.get(kPods + "/p")["status"]["conditions"][0];
  EXPECT_EQ(condition["type"], "PodResizePending");
  EXPECT_EQ(condition["reason"], "Deferred");
}

TEST_F(SubresourcesTest, LogsAreReadAndFollowed) {
  server_.create(pod_of("p"));
  kubelet_.write_log("p", "main", "one\ntwo\n");
  EXPECT_EQ(client_.ask("GET", kPods + "/p/log").text, "one\ntwo\n");
  EXPECT_EQ(client_.ask("GET", kPods + "/p/log?tailLines=1").text, "two\n");
  EXPECT_EQ(client_.ask("GET", kPods + "/p/log?limitBytes=2").text, "on");
  EXPECT_EQ(client_.ask("GET", kPods + "/p/log?container=none").status, 400);
  const auto follow = client_.watch(kPods + "/p/log?follow=true&container=main");
  EXPECT_EQ(follow->line(), "one");
  EXPECT_EQ(follow->line(), "two");
  kubelet_.write_log("p", "main", "three\n");
  EXPECT_EQ(follow->line(), "three");
  kubelet_.exit("p", "main", 0);
  EXPECT_EQ(follow->line(), std::nullopt);
}

TEST_F(SubresourcesTest, LinesHaveTimesAndThoseBeforeARestartAreThePreviousOnes) {
  json pod = pod_of("p");
  pod["spec"]["restartPolicy"] = "Always";
  server_.create(pod);
  constexpr std::int64_t kAt = 1'782'874'800'123'456;
  kubelet_.write_log("p", "main", "one\n", kAt);
  const auto follow = client_.watch(kPods + "/p/log?follow=true&timestamps=true");
  EXPECT_EQ(follow->line(), "2026-07-01T03:00:00.123456000Z one");
  kubelet_.write_log("p", "main", "two\n", kAt + 1'000'000);
  EXPECT_EQ(follow->line(), "2026-07-01T03:00:01.123456000Z two");
  EXPECT_EQ(client_.ask("GET", kPods + "/p/log?sinceTime=2026-07-01T03:00:01.9Z").text, "two\n")
      << "a server passes on whole seconds";
  kubelet_.tear_log("p", "main", "three\n", kAt + 2'000'000, false);
  EXPECT_NE(follow->line(), "2026-07-01T03:00:02.123456000Z three");
  kubelet_.exit("p", "main", 1);
  EXPECT_EQ(client_.ask("GET", kPods + "/p/log").text, "");
  EXPECT_EQ(client_.ask("GET", kPods + "/p/log?previous=true").text, "one\ntwo\nthree\n");
}

TEST_F(SubresourcesTest, AContainerThatWaitsHasNoLog) {
  kubelet_.script({.pod = "p", .holds = true});
  server_.create(pod_of("p"));
  EXPECT_EQ(client_.ask("GET", kPods + "/p/log").body()["message"],
            "container \"main\" in pod \"p\" is waiting to start: ContainerCreating");
}

TEST_F(SubresourcesTest, PodsRestartAreEvictedAndLoseTheirNode) {
  json pod = pod_of("again");
  pod["spec"]["restartPolicy"] = "OnFailure";
  server_.create(pod);
  kubelet_.exit("again", "main", 1);
  EXPECT_EQ(server_.get(kPods + "/again")["status"]["containerStatuses"][0]["restartCount"], 1);
  kubelet_.exit("again", "main", 0);
  EXPECT_EQ(phase("again"), "Succeeded");
  server_.create(pod_of("p"));
  kubelet_.evict("p");
  EXPECT_EQ(server_.get(kPods + "/p")["status"]["reason"], "Evicted");
  server_.create(pod_of("lost"));
  kubelet_.lose_node("vm");
  EXPECT_TRUE(server_.get(kPods + "/lost")["metadata"].contains("deletionTimestamp"));
  server_.create(pod_of("waits"));
  EXPECT_EQ(phase("waits"), "Pending");
  kubelet_.bring_back("vm");
  EXPECT_TRUE(server_.get(kPods + "/lost").is_null());
  EXPECT_EQ(phase("waits"), "Running");
}

TEST_F(SubresourcesTest, ANodeThatIsCordonedTakesNoMorePods) {
  const auto cordon = [&](bool on) {
    client_.ask("PATCH", "/api/v1/nodes/vm", {{"spec", {{"unschedulable", on}}}}, kMerge);
  };
  cordon(true);
  server_.create(pod_of("p"));
  EXPECT_EQ(phase("p"), "Pending");
  cordon(false);
  kubelet_.go_on("p");
  EXPECT_EQ(phase("p"), "Running");
}

TEST_F(SubresourcesTest, StepByStepAndScripted) {
  KubeServer server(without_bookmarks());
  Kubelet kubelet(server, {.at_once = false});
  PodScript ends;
  ends.exits = {{"main", 4}};
  kubelet.script(ends);
  server.create(pod_of("p"));
  EXPECT_EQ(server.get(kPods + "/p")["status"]["phase"], "Pending");
  kubelet.step();
  EXPECT_EQ(server.get(kPods + "/p")["status"]["phase"], "Failed");
}

TEST_F(SubresourcesTest, APodMayReallyRun) {
  KubeServer server(without_bookmarks());
  std::promise<std::string> run, stopped;
  KubeletOptions options;
  options.run = [&](const json& pod) {
    run.set_value(pod["metadata"]["name"]);
    return std::string("10.88.0.7");
  };
  options.stop = [&](const json& pod, std::int64_t /*grace_s*/) {
    stopped.set_value(pod["metadata"]["name"]);
  };
  Kubelet kubelet(server, options);
  server.create(pod_of("p"));
  EXPECT_EQ(run.get_future().get(), "p");
  const auto watch = Client(server, server.admin_token()).watch(kPods + "?watch=1");
  while (server.get(kPods + "/p")["status"]["phase"] != "Running") watch->line();
  EXPECT_EQ(server.get(kPods + "/p")["status"]["podIP"], "10.88.0.7");
  server.ask("DELETE", kPods + "/p");
  EXPECT_EQ(stopped.get_future().get(), "p");
  EXPECT_FALSE(server.get(kPods + "/p").is_null());
  kubelet.exit("p", "main", 143);
  EXPECT_TRUE(server.get(kPods + "/p").is_null());
}

TEST_F(SubresourcesTest, WhatThereIsIsDiscovered) {
  EXPECT_EQ(client_.ask("GET", "/readyz").text, "ok");
  EXPECT_EQ(client_.ask("GET", "/api").body()["versions"], json({"v1"}));
  const json apps = client_.ask("GET", "/apis/apps/v1").body();
  EXPECT_EQ(apps["groupVersion"], "apps/v1");
  EXPECT_EQ(client_.ask("GET", "/apis/none/v1").status, 404);
  EXPECT_EQ(client_.ask("GET", "/apis/apps/v1/none").status, 404);
}

}  // namespace
}  // namespace scanflow::test::kube
