// Workloads: their Pods are real, and their statuses follow them.
#include "tests/support/kube/controllers.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "tests/support/kube/kubelet.hpp"
#include "tests/support/kube_recordings.hpp"
#include "tests/unit/kube_server/manifests.hpp"

namespace scanflow::test::kube {
namespace {

const std::string kDeployments = "/apis/apps/v1/namespaces/default/deployments/";

class ControllersTest : public testing::Test {
 protected:
  json deployment(int replicas, const std::string& image = "localhost/probe:1") {
    json pod = pod_of("web", {{"app", "web"}});
    pod["spec"]["containers"][0]["image"] = image;
    pod["spec"].erase("restartPolicy");
    return {
        {"apiVersion", "apps/v1"},
        {"kind", "Deployment"},
        {"metadata", {{"name", "web"}}},
        {"spec",
         {{"replicas", replicas},
          {"selector", {{"matchLabels", {{"app", "web"}}}}},
          {"template", {{"metadata", {{"labels", {{"app", "web"}}}}}, {"spec", pod["spec"]}}}}}};
  }
  json pods() { return server_.ask("GET", "/api/v1/namespaces/default/pods").body["items"]; }

  KubeServer server_;
  Kubelet kubelet_{server_};
  Controllers controllers_{server_};
};

TEST_F(ControllersTest, ADeploymentHasItsPodsAndFollowsItsScale) {
  server_.create(deployment(2));
  EXPECT_EQ(pods().size(), 2u);
  json status = server_.get(kDeployments + "web")["status"];
  EXPECT_EQ(status["readyReplicas"], 2);
  EXPECT_EQ(status["conditions"][1]["reason"], "NewReplicaSetAvailable");
  const json patch = {{"spec", {{"replicas", 3}}}};
  const Answer scaled =
      server_.ask("PATCH", kDeployments + "web/scale", patch, "application/merge-patch+json");
  EXPECT_EQ(scaled.body["spec"]["replicas"], 3);
  EXPECT_EQ(pods().size(), 3u);
  status = server_.get(kDeployments + "web")["status"];
  EXPECT_EQ(status["readyReplicas"], 3);
  EXPECT_EQ(status["observedGeneration"], 2);
}

TEST_F(ControllersTest, ARolloutReplacesThePods) {
  server_.create(deployment(2));
  const json old = pods();
  const json patch = {
      {"spec", {{"template", {{"metadata", {{"annotations", {{"restartedAt", "now"}}}}}}}}}};
  server_.ask("PATCH", kDeployments + "web", patch, "application/merge-patch+json");
  const json now = pods();
  ASSERT_EQ(now.size(), 2u);
  EXPECT_NE(now[0]["metadata"]["name"], old[0]["metadata"]["name"]);
  EXPECT_EQ(server_.get(kDeployments + "web")["status"]["updatedReplicas"], 2);
}

TEST_F(ControllersTest, APodThatIsDeletedIsMadeAgainAndAllGoWithTheirOwner) {
  server_.create(deployment(1));
  const std::string first = pods()[0]["metadata"]["name"];
  server_.ask("DELETE", "/api/v1/namespaces/default/pods/" + first);
  ASSERT_EQ(pods().size(), 1u);
  EXPECT_NE(pods()[0]["metadata"]["name"], first);
  server_.ask("DELETE", kDeployments + "web");
  EXPECT_EQ(pods().size(), 0u);
}

TEST_F(ControllersTest, AStatefulSetNamesItsPodsByNumber) {
  json set = deployment(2);
  set["kind"] = "StatefulSet";
  server_.create(set);
  EXPECT_EQ(pods()[0]["metadata"]["name"], "web-0");
  EXPECT_EQ(pods()[1]["metadata"]["name"], "web-1");
}

json job_of(int backoff_limit) {
  return {{"apiVersion", "batch/v1"},
          {"kind", "Job"},
          {"metadata", {{"name", "once"}}},
          {"spec",
           {{"backoffLimit", backoff_limit}, {"template", {{"spec", pod_of("once")["spec"]}}}}}};
}

TEST_F(ControllersTest, AJobEndsWithItsPodsAndFailsWithThem) {
  server_.create(job_of(1));
  const std::string job = "/apis/batch/v1/namespaces/default/jobs/once";
  ASSERT_EQ(pods().size(), 1u);
  kubelet_.exit(pods()[0]["metadata"]["name"], "main", 1);
  ASSERT_EQ(pods().size(), 2u) << "it tries again";
  for (const json& pod : pods()) {
    if (pod["status"]["phase"] == "Running") kubelet_.exit(pod["metadata"]["name"], "main", 1);
  }
  const json status = server_.get(job)["status"];
  EXPECT_EQ(status["failed"], 2);
  EXPECT_EQ(status["conditions"][1]["type"], "Failed");
  EXPECT_EQ(status["conditions"][1]["reason"], "BackoffLimitExceeded");
}

/// What was recorded of a Job, without moments.
json seen_status(json status) {
  status.erase("startTime");
  status.erase("completionTime");
  if (status.contains("uncountedTerminatedPods"))
    status["uncountedTerminatedPods"] = status["uncountedTerminatedPods"].size();
  if (status.contains("conditions")) {
    for (json& one : status["conditions"]) {
      one.erase("lastProbeTime");
      one.erase("lastTransitionTime");
    }
  }
  return status;
}

TEST_F(ControllersTest, AJobsStatusesAreThoseThatWereRecorded) {
  if (std::getenv("SCANFLOW_KUBE") == nullptr) GTEST_SKIP() << kNoRecordings;
  std::ifstream stream(std::string(std::getenv("SCANFLOW_KUBE")) + "/fixtures/jobs.watch.jsonl");
  std::vector<json> theirs, ours;
  for (std::string line; std::getline(stream, line);) {
    const json event = json::parse(line);
    if (event["type"] != "BOOKMARK") theirs.push_back(seen_status(event["object"]["status"]));
  }
  json job = job_of(0);
  job["spec"]["template"]["spec"]["initContainers"] = json::array(
      {{{"name", "side"}, {"image", "localhost/probe:1"}, {"restartPolicy", "Always"}}});
  server_.create(job);
  kubelet_.exit(pods()[0]["metadata"]["name"], "main", 0);
  server_.with([&](Cluster& cluster) {
    const Resource& jobs = *cluster.known.find("batch", "v1", "jobs");
    for (const Told& event : cluster.store.since(jobs, 1)) {
      json seen = seen_status(event->now->object()["status"]);
      if (ours.empty() || ours.back() != seen) ours.push_back(std::move(seen));
    }
  });
  EXPECT_THAT(ours, testing::ElementsAreArray(theirs));
}

}  // namespace
}  // namespace scanflow::test::kube
