// Primitives of objects of a cluster, on the command line: against an API server, its controllers and a kubelet.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "engine/deploy/rights.hpp"
#include "tests/support/kube/controllers.hpp"
#include "tests/support/kube/kubelet.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr const char* kWorkloads = "/apis/apps/v1/namespaces/default/deployments/";
constexpr const char* kHpas = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/";

class Primitives : public testing::Test {
 protected:
  Primitives() { use(server_.kubeconfig(server_.admin_token())); }
  void use(const std::string& kubeconfig) { config_ = files_.write("kubeconfig", kubeconfig); }

  Output send(std::vector<std::string> words) const {
    words.insert(words.begin(), {"primitive", "send"});
    return scanflow_(std::move(words), {{"KUBECONFIG", config_}});
  }
  /// Its document, and its exit status with it.
  json sent(std::vector<std::string> words) const {
    words.insert(words.end(), {"-o", "json"});
    const Output output = send(std::move(words));
    json document = json::parse(output.out, nullptr, false);
    if (!document.is_object()) document = {{"out", output.out}};
    document["exit"] = output.exit;
    document["err"] = output.err;
    return document;
  }
  static void expect(const json& document, const char* outcome, int exit) {
    EXPECT_EQ(document.value("outcome", ""), outcome) << document.dump(1);
    EXPECT_EQ(document["exit"], exit) << document.dump(1);
  }

  json deployment(int replicas) {
    const json container = {{"name", "main"},
                            {"image", "localhost/web:1"},
                            {"resources", {{"requests", {{"cpu", "500m"}, {"memory", "256Mi"}}}}}};
    return server_.create({{"apiVersion", "apps/v1"},
                           {"kind", "Deployment"},
                           {"metadata", {{"name", "web"}}},
                           {"spec",
                            {{"replicas", replicas},
                             {"selector", {{"matchLabels", {{"app", "web"}}}}},
                             {"template",
                              {{"metadata", {{"labels", {{"app", "web"}}}}},
                               {"spec", {{"containers", json::array({container})}}}}}}}});
  }
  json pods() const {
    const kube::Answer all = server_.ask("GET", "/api/v1/namespaces/default/pods");
    return (all.text.empty() ? all.body : json::parse(all.text)).value("items", json::array());
  }
  std::string pod() const { return "pod/" + pods().at(0)["metadata"]["name"].get<std::string>(); }
  json of(const std::string& path) const { return server_.get(path); }
  /// "TYPE REASON of KIND NAME: NOTE" of each.
  std::vector<std::string> events() const {
    const kube::Answer all = server_.ask("GET", "/apis/events.k8s.io/v1/namespaces/default/events");
    const json list = all.text.empty() ? all.body : json::parse(all.text);
    std::vector<std::string> lines;
    for (const json& each : list["items"]) {
      const json& object = each["regarding"];
      lines.push_back(
          fmt::format("{} {} of {} {}: {}", each["type"].get<std::string>(),
                      each["reason"].get<std::string>(), object["kind"].get<std::string>(),
                      object["name"].get<std::string>(), each["note"].get<std::string>()));
    }
    return lines;
  }

  const TempDir files_;
  mutable kube::KubeServer server_;
  kube::Kubelet kubelet_{server_};
  kube::Controllers controllers_{server_};
  Scanflow scanflow_;
  std::string config_;
};

TEST_F(Primitives, AreListedWithTheirSchema) {
  const Output listed = scanflow_({"primitive", "list"});
  EXPECT_EQ(listed.exit, 0);
  EXPECT_THAT(listed.out, AllOf(HasSubstr("throttle      share, [for]"), HasSubstr("OF AN OBJECT"),
                                HasSubstr("replicas, [autoscaler], [force]")));
  const json all = json::parse(scanflow_({"primitive", "list", "-o", "json"}).out);
  std::size_t of_objects = 0;
  for (const json& each : all) {
    EXPECT_EQ(each["schema"]["type"], "object") << each["name"];
    const json& targets = each["targets"];
    if (targets != json::array({"step"}) && targets != json::array({"engine"}) &&
        targets != json::array({"inferenceservice"}))
      ++of_objects;
  }
  EXPECT_EQ(of_objects, 9u);
  EXPECT_THAT(listed.out, AllOf(HasSubstr("OF THE ENGINE"), HasSubstr("OF A SERVICE")));
  EXPECT_EQ(scanflow_({"__complete", "primitive", "send", "deployment/web", "s"}).out,
            "scale\nset_autoscaler\nset_traffic\n");
  EXPECT_EQ(scanflow_({"__complete", "primitive", "send", "deployment/web", "scale", "r"}).out,
            "replicas=\n");
}

TEST_F(Primitives, WhatIsWrongIsSaidBeforeAnybodyIsAsked) {
  const auto why = [&](std::vector<std::string> words) {
    const Output output = send(std::move(words));
    EXPECT_EQ(output.exit, 2) << output.out << output.err;
    return output.err;
  };
  EXPECT_THAT(why({"deployment/web", "scael"}), HasSubstr("did you mean 'scale'?"));
  EXPECT_THAT(why({"deployment/web", "scale"}), HasSubstr("replicas"));
  EXPECT_THAT(why({"deployment/web", "scale", "replicas=many"}), HasSubstr("arguments/replicas"));
  EXPECT_THAT(why({"deployment/web", "scale", "replicas"}), HasSubstr("NAME=VALUE"));
  EXPECT_THAT(why({"deployment/web", "scale", "replicas=1", "replicas=2"}), HasSubstr("twice"));
  EXPECT_THAT(why({"deployment/", "scale", "replicas=1"}), HasSubstr("KIND/NAME"));
  EXPECT_THAT(why({"thing/web", "scale", "replicas=1"}), HasSubstr("PLURAL.GROUP/NAME"));
  EXPECT_THAT(why({"pod/a", "resize", "cpu=lots"}), HasSubstr("500m"));
  EXPECT_THAT(why({"pod/a", "evict", "--for", "1s"}), HasSubstr("--for"));
  EXPECT_THAT(why({"pod/a", "evict", "--deadline", "0s"}), HasSubstr("above 0"));
  EXPECT_THAT(why({"last", "train", "pause", "--dry-run"}), HasSubstr("--dry-run"));
  EXPECT_THAT(why({"last", "train"}), HasSubstr("RUN STEP PRIMITIVE"));
  EXPECT_THAT(why({"pod/a", "patch", "patch={}", "--patch-allow", "/no/such/file"}),
              HasSubstr("/no/such/file"));
  EXPECT_EQ(server_.counters().count(), 0u);
}

TEST_F(Primitives, ScaleSetsTheReplicasAndTellsWhatTheyWere) {
  deployment(2);
  const json dry = sent({"deployment/web", "scale", "replicas=3", "--dry-run"});
  expect(dry, "DONE", 0);
  EXPECT_THAT(dry["message"].get<std::string>(), HasSubstr("dry run, nothing is changed"));
  EXPECT_EQ(pods().size(), 2u);
  const json done = sent({"deploy/web.default", "scale", "replicas=3"});
  expect(done, "DONE", 0);
  EXPECT_EQ(pods().size(), 3u);
  const json& change = done["evidence"]["changes"][0];
  EXPECT_EQ(change["object"], "Deployment default/web/scale");
  EXPECT_EQ(change["before"], json::parse(R"({"spec": {"replicas": 2}})"));
  EXPECT_EQ(change["after"], json::parse(R"({"spec": {"replicas": 3}})"));
  EXPECT_NE(change["resource_versions"]["before"], change["resource_versions"]["after"]);
  const Output again = send({"deployment/web", "scale", "-a", "replicas=3"});
  EXPECT_EQ(again.exit, 0);
  EXPECT_THAT(again.out, HasSubstr("✓ scale of Deployment default/web: DONE  Deployment "
                                   "default/web has 3 replicas already"));
}

TEST_F(Primitives, ScaleGoesThroughTheAutoscalerThatOwnsTheReplicas) {
  deployment(2);
  expect(sent({"deployment/web", "set_autoscaler", "min=1", "max=4", "cpu=70"}), "DONE", 0);
  ASSERT_EQ(of(std::string(kHpas) + "web")["spec"]["maxReplicas"], 4);
  const json done = sent({"deployment/web", "scale", "replicas=3"});
  expect(done, "DONE", 0);
  EXPECT_EQ(done["evidence"]["owner"], "HorizontalPodAutoscaler default/web");
  EXPECT_EQ(of(std::string(kHpas) + "web")["spec"]["minReplicas"], 3);
  EXPECT_EQ(of(std::string(kWorkloads) + "web")["spec"]["replicas"], 2) << "the HPA does that";
  const json refused = sent({"deployment/web", "scale", "replicas=1", "autoscaler=refuse"});
  expect(refused, "REFUSED", 1);
  EXPECT_EQ(of(std::string(kHpas) + "web")["spec"]["minReplicas"], 3);
  expect(sent({"deployment/web", "set_autoscaler", "min=1", "max=4", "by=keda", "cpu=1"}),
         "REFUSED", 1);
}

TEST_F(Primitives, ScaleGoesThroughTheScaledObjectThatOwnsTheReplicas) {
  deployment(2);
  expect(sent({"deployment/web", "set_autoscaler", "by=keda", "min=0", "max=4",
               R"(triggers=[{"type": "cron", "metadata": {"desiredReplicas": "2"}}])"}),
         "DONE", 0);
  const std::string path = "/apis/keda.sh/v1alpha1/namespaces/default/scaledobjects/web";
  ASSERT_EQ(of(path)["spec"]["triggers"].size(), 1u);
  const json done = sent({"deployment/web", "scale", "replicas=3", "autoscaler=fixed"});
  expect(done, "DONE", 0);
  EXPECT_EQ(of(path)["metadata"]["annotations"]["autoscaling.keda.sh/paused-replicas"], "3");
  expect(sent({"deployment/web", "set_autoscaler", "by=keda", "min=1", "max=9"}), "DONE", 0);
  EXPECT_EQ(of(path)["spec"]["maxReplicaCount"], 9);
  EXPECT_EQ(of(path)["spec"]["triggers"].size(), 1u) << "they stay";
}

TEST_F(Primitives, AnAutoscalersFieldsThatOthersApplyAreTheirs) {
  deployment(2);
  const json theirs = {
      {"apiVersion", "autoscaling/v2"},
      {"kind", "HorizontalPodAutoscaler"},
      {"metadata", {{"name", "web"}}},
      {"spec",
       {{"scaleTargetRef", {{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", "web"}}},
        {"minReplicas", 1},
        {"maxReplicas", 2}}}};
  server_.ask("PATCH", std::string(kHpas) + "web?fieldManager=helm", theirs,
              "application/apply-patch+yaml");
  const json refused = sent({"deployment/web", "set_autoscaler", "min=1", "max=4", "cpu=70"});
  expect(refused, "REFUSED", 1);
  EXPECT_THAT(refused["message"].get<std::string>(),
              AllOf(HasSubstr("managed by helm"), HasSubstr("force=true")));
  expect(sent({"deployment/web", "set_autoscaler", "min=1", "max=4", "cpu=70", "force=true"}),
         "DONE", 0);
  EXPECT_EQ(of(std::string(kHpas) + "web")["spec"]["maxReplicas"], 4);
}

TEST_F(Primitives, APodIsResizedInPlace) {
  deployment(1);
  const std::string target = pod();
  const json done = sent({target, "resize", "cpu=1", "memory=512Mi"});
  expect(done, "DONE", 0);
  EXPECT_THAT(done["message"].get<std::string>(), HasSubstr("in place"));
  const json now = pods().at(0);
  EXPECT_EQ("pod/" + now["metadata"]["name"].get<std::string>(), target);
  EXPECT_EQ(now["status"]["containerStatuses"][0]["resources"]["requests"]["cpu"], "1");
  EXPECT_EQ(done["evidence"]["resources"]["before"]["requests"]["cpu"], "500m");
  expect(sent({target, "resize", "cpu=1"}), "DONE", 0);
  const json refused =
      sent({target, "resize", "cpu_limit=2", "memory_limit=1Gi", "cpu=2", "memory=1Gi"});
  expect(refused, "REFUSED", 1);
  EXPECT_THAT(refused["message"].get<std::string>(), HasSubstr("class of service"));
}

TEST_F(Primitives, WhatANodeCanNeverGiveIsGivenByRecreation) {
  kubelet_.script({.pod = "*", .resize_pending = "Infeasible"});
  deployment(1);
  const std::string target = pod();
  const json kept = sent({target, "resize", "cpu=64", "in_place_only=true"});
  expect(kept, "FAILED", 1);
  EXPECT_THAT(kept["message"].get<std::string>(),
              AllOf(HasSubstr("Infeasible"), HasSubstr("its resources are put back")));
  EXPECT_EQ(pods().at(0)["spec"]["containers"][0]["resources"]["requests"]["cpu"], "500m");
  const json done = sent({target, "resize", "cpu=64"});
  expect(done, "DONE", 0);
  EXPECT_THAT(done["message"].get<std::string>(),
              AllOf(HasSubstr("recreated, not resized in place"), HasSubstr("Infeasible"),
                    HasSubstr("Node didn't have enough resource")));
  EXPECT_EQ(done["evidence"]["recreated_by"], "Deployment default/web");
  EXPECT_EQ(done["evidence"]["followed"][0]["reason"], "Infeasible");
  const json all = pods();
  ASSERT_EQ(all.size(), 1u) << all.dump(1);
  EXPECT_NE("pod/" + all[0]["metadata"]["name"].get<std::string>(), target);
  EXPECT_EQ(all[0]["spec"]["containers"][0]["resources"]["requests"]["cpu"], "64");
}

TEST_F(Primitives, WhatHasToWaitIsWaitedForUntilTheDeadline) {
  kubelet_.script({.pod = "*", .resize_pending = "Deferred"});
  deployment(1);
  const std::string target = pod();
  const json waits = sent({target, "resize", "cpu=2", "in_place_only=true", "--deadline", "300ms"});
  expect(waits, "FAILED", 1);
  EXPECT_THAT(waits["message"].get<std::string>(),
              AllOf(HasSubstr("Deferred"), HasSubstr("it stays asked for")));
  EXPECT_EQ(pods().at(0)["spec"]["containers"][0]["resources"]["requests"]["cpu"], "2");
  // There is room, before the deadline.
  const auto program =
      scanflow_.start({"primitive", "send", target, "resize", "cpu=3"}, {{"KUBECONFIG", config_}});
  EXPECT_TRUE(eventually([&] {
    return pods().at(0)["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "3";
  }));
  EXPECT_TRUE(program->running());
  kubelet_.go_on(target.substr(4));
  const Output done = program->wait();
  EXPECT_EQ(done.exit, 0) << done.out << done.err;
  EXPECT_THAT(done.out, HasSubstr("in place"));
}

TEST_F(Primitives, APodThatNobodyMakesAnewIsNotRecreated) {
  kubelet_.script({.pod = "*", .resize_pending = "Infeasible"});
  const json container = {{"name", "main"},
                          {"image", "localhost/web:1"},
                          {"resources", {{"requests", {{"cpu", "500m"}}}}}};
  server_.create({{"apiVersion", "v1"},
                  {"kind", "Pod"},
                  {"metadata", {{"name", "bare"}}},
                  {"spec", {{"containers", json::array({container})}}}});
  const json failed = sent({"pod/bare", "resize", "cpu=64"});
  expect(failed, "FAILED", 1);
  EXPECT_THAT(failed["message"].get<std::string>(),
              AllOf(HasSubstr("it has no owner"), HasSubstr("put back")));
  EXPECT_EQ(pods().at(0)["spec"]["containers"][0]["resources"]["requests"]["cpu"], "500m");
  const json refused = sent({"pod/bare", "evict"});
  expect(refused, "REFUSED", 1);
  expect(sent({"pod/bare", "evict", "force=true"}), "DONE", 0);
  EXPECT_EQ(pods().size(), 0u);
}

TEST_F(Primitives, AnEvictionThatABudgetForbidsNamesIt) {
  deployment(1);
  json budget = server_.create(
      {{"apiVersion", "policy/v1"},
       {"kind", "PodDisruptionBudget"},
       {"metadata", {{"name", "keep-web"}}},
       {"spec", {{"minAvailable", 1}, {"selector", {{"matchLabels", {{"app", "web"}}}}}}}});
  const std::string target = pod();
  const json refused = sent({target, "evict"});
  expect(refused, "REFUSED", 1);
  EXPECT_THAT(refused["message"].get<std::string>(),
              AllOf(HasSubstr("PodDisruptionBudget keep-web"), HasSubstr("healthy pods")));
  EXPECT_EQ(refused["evidence"]["budgets"][0]["name"], "keep-web");
  EXPECT_EQ(server_.counters().count("create", "pods"), 1u) << "it is for whoever asks to go on";
  EXPECT_EQ(pod(), target);
  budget["status"] = {{"disruptionsAllowed", 1}};
  server_.ask("PUT", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/keep-web/status",
              budget);
  const json done = sent({target, "evict", "grace=1s"});
  expect(done, "DONE", 0);
  EXPECT_THAT(done["message"].get<std::string>(), HasSubstr("makes it anew"));
  EXPECT_NE(pod(), target);
}

TEST_F(Primitives, ARolloutReplacesThePods) {
  deployment(1);
  const std::string before = pod();
  expect(sent({"deployment/web", "rollout_restart"}), "DONE", 0);
  EXPECT_NE(pod(), before);
  const json placed = sent({"deployment/web", "place", "apart=kubernetes.io/hostname",
                            R"(node_selector={"disk": "ssd"})", "priority=batch"});
  expect(placed, "DONE", 0);
  const json spec = of(std::string(kWorkloads) + "web")["spec"]["template"]["spec"];
  EXPECT_EQ(spec["nodeSelector"], json::parse(R"({"disk": "ssd"})"));
  EXPECT_TRUE(spec["affinity"].contains("podAntiAffinity"));
  EXPECT_EQ(pods().at(0)["spec"]["priorityClassName"], "batch");
  EXPECT_EQ(
      placed["evidence"]["changes"][0]["before"]["spec"]["template"]["spec"]["priorityClassName"],
      json());
}

TEST_F(Primitives, ANodeIsCordonedByWhoMay) {
  expect(sent({"node/vm", "cordon"}), "DONE", 0);
  EXPECT_EQ(of("/api/v1/nodes/vm")["spec"]["unschedulable"], true);
  expect(sent({"node/vm", "cordon", "unschedulable=false"}), "DONE", 0);
  EXPECT_FALSE(of("/api/v1/nodes/vm")["spec"].contains("unschedulable"));
}

TEST_F(Primitives, TrafficIsSharedOutByWeights) {
  server_.create(json::parse(R"({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
    "metadata": {"name": "web.example.com"}, "spec": {"rules": [{"backendRefs": [
      {"name": "v1", "port": 80}, {"name": "v2", "port": 80}]}]}})"));
  const json done = sent({"httproute/web.example.com", "-n", "default", "set_traffic",
                          R"(weights={"v1": 90, "v2": 10})"});
  expect(done, "DONE", 0);
  const json rule = of(
      "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/web.example.com")["spec"]
                                                                                         ["rules"]
                                                                                         [0];
  EXPECT_EQ(rule["backendRefs"][0]["weight"], 90);
  EXPECT_EQ(rule["backendRefs"][1], json::parse(R"({"name": "v2", "port": 80, "weight": 10})"));
  server_.create(json::parse(R"({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
    "metadata": {"name": "web"}, "spec": {"http": [{"route": [
      {"destination": {"host": "web", "subset": "v1"}, "weight": 100},
      {"destination": {"host": "web", "subset": "v2"}, "weight": 0}]}]}})"));
  expect(sent({"vs/web", "set_traffic", R"(weights={"v1": 80, "v2": 20})"}), "DONE", 0);
  const json refused = sent({"vs/web", "set_traffic", R"(weights={"v3": 1})"});
  expect(refused, "REFUSED", 1);
  EXPECT_THAT(refused["message"].get<std::string>(), HasSubstr("there are: web/v1, web/v2"));
}

TEST_F(Primitives, APatchNeedsToBeAllowed) {
  deployment(1);
  const std::vector<std::string> patch = {"deployment/web", "patch",
                                          R"(patch={"spec": {"paused": true}})"};
  const json refused = sent(patch);
  expect(refused, "REFUSED", 1);
  EXPECT_THAT(refused["message"].get<std::string>(),
              AllOf(HasSubstr("/spec/paused may not be patched"), HasSubstr("--patch-allow FILE")));
  const std::string entry = refused["evidence"]["would_allow"].dump();
  std::vector<std::string> allowed = patch;
  allowed.insert(allowed.end(),
                 {"--patch-allow", files_.write("allow.yaml", "allow:\n  - " + entry + "\n")});
  expect(sent(allowed), "DONE", 0);
  EXPECT_EQ(of(std::string(kWorkloads) + "web")["spec"]["paused"], true);
  allowed[2] = R"(patch={"spec": {"paused": null, "replicas": 0}})";
  expect(sent(allowed), "REFUSED", 1);
  EXPECT_EQ(of(std::string(kWorkloads) + "web")["spec"]["replicas"], 1);
  allowed.back() = files_.write("bad.yaml", "allow: [{kind: Pod}]\n");
  const Output bad = send(allowed);
  EXPECT_EQ(bad.exit, 2);
  EXPECT_THAT(bad.err, AllOf(HasSubstr("bad.yaml"), HasSubstr("fields")));
}

TEST_F(Primitives, AKindThatIsNotKnownHereIsAskedFor) {
  const std::string allow = files_.write(
      "allow.yaml", "allow:\n  - {kind: NetworkPolicy.networking.k8s.io, fields: [/spec]}\n");
  server_.create(json::parse(R"({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
    "metadata": {"name": "closed"}, "spec": {"podSelector": {}}})"));
  expect(sent({"networkpolicies.networking.k8s.io/closed", "patch",
               R"(patch={"spec": {"policyTypes": ["Egress"]}})", "--patch-allow", allow}),
         "DONE", 0);
  const Output none = send({"things.example.com/a", "patch", "patch={}"});
  EXPECT_EQ(none.exit, 2);
  EXPECT_THAT(none.err, HasSubstr("no group 'example.com'"));
}

TEST_F(Primitives, WhatIsNotThereOrDoesNotFitIsSaid) {
  const json none = sent({"deployment/none", "scale", "replicas=1"});
  expect(none, "FAILED", 1);
  EXPECT_THAT(
      none["message"].get<std::string>(),
      AllOf(HasSubstr("deployments.apps \"none\" not found"), HasSubstr("namespace default")));
  const json unfit = sent({"deployment/web", "evict"});
  expect(unfit, "UNSUPPORTED", 1);
  EXPECT_THAT(unfit["message"].get<std::string>(), HasSubstr("evict is for Pod"));
  expect(sent({"cm/none", "patch", "patch={\"data\": {}}"}), "FAILED", 1);
  server_.create(
      json::parse(R"({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}})"));
  expect(sent({"cm/m", "scale", "replicas=1"}), "UNSUPPORTED", 1);
}

TEST_F(Primitives, WhoMayNotIsToldWhatIsMissing) {
  deployment(1);
  use(server_.kubeconfig(server_.add_user("stranger")));
  const json refused = sent({"deployment/web", "rollout_restart"});
  expect(refused, "REFUSED", 1);
  EXPECT_THAT(refused["message"].get<std::string>(),
              AllOf(HasSubstr("User \"stranger\" cannot get"), HasSubstr("scanflow kube check")));
  EXPECT_EQ(refused["evidence"]["answer"]["code"], 403);
  const Output nowhere = scanflow_({"primitive", "send", "deployment/web", "rollout_restart"},
                                   {{"HOME", files_.path().string()}, {"KUBECONFIG", ""}});
  EXPECT_EQ(nowhere.exit, 3) << nowhere.out << nowhere.err;
}

TEST_F(Primitives, TheInstalledRoleIsEnoughForAllButNodes) {
  deployment(1);
  for (const json& each : deploy::rights_of({"default", "scanflow", false, json::object()}))
    server_.create(each);
  use(server_.kubeconfig(server_.with([](kube::Cluster& cluster) {
    return cluster.users.add(kube::service_account("default", "scanflow"));
  })));
  const json done = sent({"deployment/web", "scale", "replicas=2"});
  expect(done, "DONE", 0);
  EXPECT_THAT(done["evidence"]["event"].get<std::string>(), StartsWith("default/web."));
  expect(sent({"deployment/web", "set_autoscaler", "min=1", "max=4", "cpu=70"}), "DONE", 0);
  expect(sent({"deployment/web", "scale", "replicas=3"}), "DONE", 0);
  expect(sent({"deployment/web", "rollout_restart"}), "DONE", 0);
  expect(sent({"deployment/web", "place", "priority=batch"}), "DONE", 0);
  expect(sent({pod(), "resize", "cpu=1"}), "DONE", 0);
  expect(sent({pod(), "evict"}), "DONE", 0);
  server_.create(json::parse(R"({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
    "metadata": {"name": "web"}, "spec": {"rules": [{"backendRefs": [{"name": "v1"}]}]}})"));
  expect(sent({"httproute/web", "set_traffic", R"(weights={"v1": 2})"}), "DONE", 0);
  const json refused = sent({"node/vm", "cordon"});
  expect(refused, "REFUSED", 1);
  EXPECT_THAT(refused["message"].get<std::string>(), HasSubstr("nodes"));
  for (const json& each : deploy::rights_of({"default", "scanflow", true, json::object()}))
    server_.create(each);
  expect(sent({"node/vm", "cordon"}), "DONE", 0);
}

TEST_F(Primitives, TheObjectTellsInItsEventsWhatWasDone) {
  const std::string uid = deployment(2)["metadata"]["uid"];
  expect(sent({"deployment/web", "scale", "replicas=3", "--dry-run"}), "DONE", 0);
  EXPECT_THAT(events(), IsEmpty()) << "a dry run does nothing";
  const json done = sent({"deployment/web", "scale", "replicas=3"});
  const std::string by = fmt::format(", asked by {}", done["by"].get<std::string>());
  EXPECT_THAT(events(), ElementsAre(fmt::format("Normal ScaleDone of Deployment web: {}{}",
                                                done["message"].get<std::string>(), by)));
  const std::string name = done["evidence"]["event"];
  ASSERT_TRUE(name.starts_with("default/web.")) << name;
  const json event =
      of("/apis/events.k8s.io/v1/namespaces/default/events/" + name.substr(name.find('/') + 1));
  EXPECT_EQ(event["regarding"]["uid"], uid) << "kubectl describe finds it by that";
  EXPECT_EQ(event["action"], "scale");
  expect(sent({"deployment/web", "patch", "patch={\"spec\": {\"paused\": true}}"}), "REFUSED", 1);
  expect(sent({"node/vm", "cordon"}), "DONE", 0);
  EXPECT_THAT(events(), Contains(HasSubstr("Warning PatchRefused of Deployment web")));
  EXPECT_THAT(events(), Contains(HasSubstr("Normal CordonDone of Node vm")));
}

TEST_F(Primitives, AnEventThatCannotBeWrittenChangesNothingElse) {
  deployment(2);
  server_.add_fault({.verb = "create", .resource = "events", .status = 409});
  const json done = sent({"deployment/web", "scale", "replicas=3"});
  expect(done, "DONE", 0);
  EXPECT_THAT(done["evidence"]["event"].get<std::string>(), StartsWith("not recorded: "));
  EXPECT_EQ(of(std::string(kWorkloads) + "web")["spec"]["replicas"], 3);
  const json none = sent({"deployment/none", "scale", "replicas=1"});
  EXPECT_EQ(none["evidence"]["event"], "not recorded: the object was not read");
}

TEST_F(Primitives, OthersThatChangeItMeanwhileAreNotOverwritten) {
  deployment(2);
  server_.add_fault(
      {.verb = "patch", .resource = "deployments", .name = "web", .times = 2, .status = 409});
  expect(sent({"deployment/web", "place", "priority=batch"}), "DONE", 0);
  server_.clear_faults();
  server_.add_fault({.verb = "patch", .resource = "deployments", .name = "web", .status = 409});
  const json failed = sent({"deployment/web", "place", "priority=other"});
  expect(failed, "FAILED", 1);
  EXPECT_THAT(failed["message"].get<std::string>(), HasSubstr("changed by others all the time"));
}

}  // namespace
}  // namespace scanflow::test
