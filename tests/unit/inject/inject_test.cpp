// What is put into a Pod, and why: one thing a test.
#include "engine/inject/inject.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/inject/support.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string value_of(const json& container, const std::string& name) {
  const json variable = named(container.at("env"), name);
  return variable.is_null() ? "absent" : variable.value("value", variable.dump());
}

Report report_of(const json& object, const Settings& settings) {
  const auto patch = inject(object, "default", settings);
  if (!patch || patch->reports.size() != 1) {
    ADD_FAILURE() << (patch ? "not one report" : patch.error().message);
    return {};
  }
  return patch->reports[0];
}

TEST(Inject, ANativeSidecarComesBeforeAllOtherInitContainers) {
  json pod = simple_pod();
  pod["spec"]["initContainers"] = json::parse(R"([{"name": "fetch", "image": "f"}])");
  const json spec = injected(pod, defaults("1")).at("spec");
  std::vector<std::string> names;
  for (const json& each : spec.at("initContainers")) names.push_back(each.at("name"));
  EXPECT_EQ(names, (std::vector<std::string>{"scanflow-launcher", "scanflow-sidecar", "fetch"}));
  EXPECT_EQ(spec["initContainers"][1]["restartPolicy"], "Always");
  EXPECT_FALSE(spec["initContainers"][0].contains("restartPolicy"));
  EXPECT_EQ(spec["containers"][0]["command"], json({"/scanflow/bin/scanflow-exec", "--", "app"}));
}

TEST(Inject, APlainSidecarIsTheLastContainerAndEndsAfterAnAppThatEnds) {
  Settings settings = defaults("1");
  settings.shape = Shape::plain;
  json pod = simple_pod();
  const json stays = injected(pod, settings).at("spec").at("containers").back();
  EXPECT_EQ(stays["name"], "scanflow-sidecar");
  EXPECT_FALSE(stays.contains("restartPolicy"));
  EXPECT_EQ(value_of(stays, "SCANFLOW_ENDS_ALONE"), "absent") << "the app is started again";
  for (const char* policy : {"Never", "OnFailure"}) {
    pod["spec"]["restartPolicy"] = policy;
    EXPECT_EQ(
        value_of(injected(pod, settings).at("spec").at("containers").back(), "SCANFLOW_ENDS_ALONE"),
        "1");
  }
}

TEST(Inject, HoldsToRestrictedPodSecurityAtEachOfItsContainers) {
  const json spec = injected(simple_pod(), defaults("1")).at("spec");
  for (const json& each : spec.at("initContainers")) {
    EXPECT_EQ(each.at("securityContext"), json::parse(R"({
      "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
      "readOnlyRootFilesystem": true, "runAsNonRoot": true, "runAsUser": 65532,
      "runAsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}})"));
    EXPECT_EQ(each.at("resources"), json::parse(R"({"limits": {"memory": "32Mi"},
      "requests": {"cpu": "5m", "memory": "16Mi"}})"));
  }
}

TEST(Inject, RunsAsTheApp) {
  json pod = simple_pod();
  pod["spec"]["securityContext"] = {{"runAsUser", 1000}, {"runAsGroup", 2000}};
  json sidecar = injected(pod, defaults("1")).at("spec").at("initContainers").at(1);
  EXPECT_EQ(sidecar["securityContext"]["runAsUser"], 1000);
  EXPECT_EQ(sidecar["securityContext"]["runAsGroup"], 2000);
  EXPECT_EQ(value_of(sidecar, "SCANFLOW_SOCKET_FOR_ALL"), "absent") << "it is the user's alone";
  pod["spec"]["containers"][0]["securityContext"] = {{"runAsUser", 0}};
  sidecar = injected(pod, defaults("1")).at("spec").at("initContainers").at(1);
  EXPECT_EQ(sidecar["securityContext"]["runAsUser"], 65532) << "not root";
  EXPECT_EQ(value_of(sidecar, "SCANFLOW_SOCKET_FOR_ALL"), "1");
}

TEST(Inject, HasNoTokenOfTheApps) {
  json pod = simple_pod();
  constexpr const char* kToken = "/var/run/secrets/kubernetes.io/serviceaccount";
  const auto masks = [&] {
    int count = 0;
    const json spec = injected(pod, defaults("1")).at("spec");
    for (const json& each : spec.at("initContainers")) {
      for (const json& mount : each.at("volumeMounts")) count += mount.at("mountPath") == kToken;
    }
    return count;
  };
  EXPECT_EQ(masks(), 2);
  pod["spec"]["automountServiceAccountToken"] = false;
  EXPECT_EQ(masks(), 0) << "there is nothing to hide";
}

TEST(Inject, AskesForItsKeysAsItIsTold) {
  Settings settings = defaults("1");
  const json by_secret = injected(simple_pod(), settings).at("spec");
  const json volume = named(by_secret.at("volumes"), "scanflow-identity");
  EXPECT_EQ(volume["projected"]["sources"][1]["serviceAccountToken"]["audience"], "scanflow-hub");
  EXPECT_THAT(value_of(by_secret["initContainers"][1], "SCANFLOW_KEY"), HasSubstr("scanflow-hub"));
  EXPECT_FALSE(by_secret["initContainers"][0].contains("env")) << "the launcher needs none";
  settings.keys = Keys{"h", "k", "s"};
  const json plain = injected(simple_pod(), settings).at("spec");
  EXPECT_TRUE(named(plain.at("volumes"), "scanflow-identity").is_null());
  EXPECT_EQ(value_of(plain["initContainers"][1], "SCANFLOW_SECRET_KEY"), "s");
  settings.hub = "ipc:///run/hub";
  const json local = injected(simple_pod(), settings).at("spec");
  EXPECT_EQ(value_of(local["initContainers"][1], "SCANFLOW_SECRET_KEY"), "absent");
}

TEST(Inject, APodOfTheEngineSaysWhoseAttemptItIs) {
  Settings settings = defaults("1");
  settings.identity = Identity{"run-1", "train", 3, "uid", "name", R"({"hooks":{"a":["b"]}})"};
  json pod = simple_pod();
  pod["spec"]["containers"][0]["livenessProbe"] = {{"tcpSocket", {{"port", 1}}}};
  const json spec = injected(pod, settings).at("spec");
  const json& main = spec["containers"][0];
  EXPECT_EQ(value_of(main, "SCANFLOW_RUN"), "run-1");
  EXPECT_EQ(value_of(main, "SCANFLOW_STEP"), "train");
  EXPECT_EQ(value_of(main, "SCANFLOW_ATTEMPT"), "3");
  EXPECT_EQ(json::parse(value_of(main, "SCANFLOW_STEERING")),
            json::parse(R"({"hooks": {"a": ["b"]}, "liveness": "21s"})"));
  EXPECT_EQ(value_of(spec["initContainers"][1], "SCANFLOW_POD_UID"), "uid");
}

TEST(Inject, OnlyWhatAsksForItWhereThatIsSaid) {
  Settings settings = defaults("1");
  settings.only_enabled = true;
  json pod = simple_pod();
  EXPECT_EQ(report_of(pod, settings).reason, "scanflow.dev/inject is not enabled");
  pod["metadata"]["annotations"] = {{"scanflow.dev/inject", "enabled"}};
  EXPECT_EQ(report_of(pod, settings).outcome, Outcome::injected);
}

TEST(Inject, ItsDirectoryIsTakenHoweverThatIsSpelt) {
  for (const char* path :
       {"/scanflow", "//scanflow/", "/a/../scanflow/data", "/./scanflow//x", "scanflow"}) {
    json pod = simple_pod();
    pod["spec"]["containers"][0]["volumeMounts"] = {{{"name", "d"}, {"mountPath", path}}};
    EXPECT_EQ(report_of(pod, defaults("1")).outcome, Outcome::skipped) << path;
  }
  json pod = simple_pod();
  pod["spec"]["containers"][0]["volumeMounts"] = {{{"name", "d"}, {"mountPath", "/scanflows"}}};
  EXPECT_EQ(report_of(pod, defaults("1")).outcome, Outcome::injected);
}

TEST(Inject, AContainerIsInjectedOnce) {
  json pod = simple_pod();
  const std::string name = pod["spec"]["containers"][0]["name"];
  pod["metadata"]["annotations"] = {{"scanflow.dev/containers", name + "," + name}};
  const auto patch = inject(pod, "default", defaults("1"));
  ASSERT_FALSE(patch);
  EXPECT_THAT(patch.error().message, HasSubstr("each name once"));
}

TEST(Inject, IsTakenOutOfAContainerThatHasAnotherNameSince) {
  const json pod = simple_pod();
  json later = injected(pod, defaults("1"));
  later["spec"]["containers"][0]["name"] = "renamed";
  const auto patch = uninject(later);
  ASSERT_TRUE(patch) << patch.error().message;
  json expected = pod;
  expected["spec"]["containers"][0]["name"] = "renamed";
  EXPECT_EQ(later.patch(patch->operations), expected);
}

TEST(Inject, TakesItOutWhereItIsDisabledLater) {
  const json pod = simple_pod();
  json later = injected(pod, defaults("1"));
  later["metadata"]["annotations"]["scanflow.dev/inject"] = "disabled";
  EXPECT_EQ(report_of(later, defaults("1")).outcome, Outcome::removed);
  json expected = pod;
  expected["metadata"]["annotations"] = {{"scanflow.dev/inject", "disabled"}};
  EXPECT_EQ(injected(later, defaults("1")), expected);
}

TEST(Inject, KeepsWhatWasChangedSince) {
  json pod = injected(simple_pod(), defaults("1"));
  auto& containers = pod["spec"]["containers"];
  containers.insert(containers.begin(), json{{"name", "new"}, {"image", "n"}});
  containers[1]["env"].push_back({{"name", "MODE"}, {"value", "fast"}});
  pod["metadata"]["annotations"]["mine"] = "yes";
  const auto patch = uninject(pod);
  ASSERT_TRUE(patch) << patch.error().message;
  json expected = simple_pod();
  expected["metadata"]["annotations"] = {{"mine", "yes"}};
  expected["spec"]["containers"] = json::parse(R"([{"name": "new", "image": "n"},
    {"name": "main", "image": "app", "command": ["app"],
     "env": [{"name": "MODE", "value": "fast"}]}])");
  EXPECT_EQ(pod.patch(patch->operations), expected);
}

TEST(Inject, ThePatchOfAnAdmissionRequestIsOfThePodAlone) {
  json pod = simple_pod();
  pod["metadata"] = {{"generateName", "job-"}};
  const auto patch = inject(pod, "kube-system", defaults("1"));
  ASSERT_TRUE(patch);
  EXPECT_THAT(patch->reports.at(0).reason, HasSubstr("kube-system")) << "of the request";
  EXPECT_EQ(patch->reports[0].workload, "Pod job-*");
  EXPECT_TRUE(patch->operations.empty());
}

TEST(Inject, ARecordThatSomebodyChangedIsAnError) {
  for (const char* record : {"", "no JSON", "[]", "{}", R"({"version": 1})",
                             R"({"version":"1","contents":"x","shape":"native","env":[1]})"}) {
    json pod = simple_pod();
    pod["metadata"]["annotations"] = {{"scanflow.dev/injected", record}};
    for (const auto& result : {inject(pod, "", defaults("1")), uninject(pod)}) {
      ASSERT_FALSE(result) << record;
      EXPECT_THAT(result.error().message, HasSubstr("Pod p: the annotation scanflow.dev/injected"));
    }
  }
  json pod = simple_pod();
  pod["metadata"]["annotations"] = {{"scanflow.dev/injected", true}};
  EXPECT_FALSE(uninject(pod));
}

TEST(Uninject, SaysWhereNothingWasInjected) {
  const auto patch = uninject(simple_pod());
  ASSERT_TRUE(patch);
  EXPECT_TRUE(patch->operations.empty());
  EXPECT_EQ(patch->reports.at(0).reason, "nothing was injected");
}

}  // namespace
}  // namespace scanflow::inject
