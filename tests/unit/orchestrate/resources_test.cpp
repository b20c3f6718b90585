#include "engine/orchestrate/resources.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "engine/orchestrate/resize.hpp"
#include "tests/unit/orchestrate/objects.hpp"

namespace scanflow::orchestrate {
namespace {

using testing::HasSubstr;

Target pod_target() { return {kube::kinds::kPod, "shop", "web-0"}; }
/// Its containers' resources; of a Pod that runs.
json pod(const std::vector<const char*>& resources) {
  json made = {{"metadata", metadata_of("web-0")}, {"status", {{"phase", "Running"}}}};
  for (std::size_t i = 0; i < resources.size(); ++i)
    made["spec"]["containers"].push_back(
        {{"name", "c" + std::to_string(i)}, {"resources", json::parse(resources[i])}});
  return made;
}
json after(const json& of, const json& arguments) {
  const auto made = resizing_of(pod_target(), of, arguments);
  return made ? made->after : json(made.error().message);
}
std::string why_not_resized(const json& of, const json& arguments) {
  const auto made = resizing_of(pod_target(), of, arguments);
  if (made) return "it is done";
  EXPECT_EQ(made.error().state, Outcome::State::refused);
  return made.error().message;
}

TEST(Resources, QuantitiesAreNumbers) {
  EXPECT_EQ(quantity("500m"), 0.5);
  EXPECT_EQ(quantity("2"), 2);
  EXPECT_EQ(quantity("1Gi"), 1073741824);
  EXPECT_EQ(quantity("1e3"), 1000);
  EXPECT_EQ(quantity(3), 3);
  for (const char* bad : {"", "x", "-1", "1 Gi", "1GB", "1.2.3", "Mi", "0x10"})
    EXPECT_FALSE(quantity(bad));
  EXPECT_FALSE(quantity(json()));
  EXPECT_TRUE(same_quantity("1000m", "1"));
  EXPECT_TRUE(same_quantity("1024Mi", "1Gi"));
  EXPECT_FALSE(same_quantity("1G", "1Gi"));
  EXPECT_TRUE(same_quantity(json(), json()));
  EXPECT_FALSE(same_quantity("1", json()));
}

TEST(Resources, ARequestIsChangedAloneAndALimitThatIsTheSameGoesWithIt) {
  const json burstable = pod({R"({"requests": {"cpu": "500m", "memory": "1Gi"}})"});
  EXPECT_EQ(after(burstable, {{"cpu", "1"}}),
            json::parse(R"({"requests": {"cpu": "1", "memory": "1Gi"}})"));
  const json guaranteed = pod({R"({"requests": {"cpu": "1", "memory": "1Gi"},
                                   "limits": {"cpu": "1000m", "memory": "1Gi"}})"});
  EXPECT_EQ(after(guaranteed, {{"cpu", "2"}}),
            json::parse(R"({"requests": {"cpu": "2", "memory": "1Gi"},
                            "limits": {"cpu": "2", "memory": "1Gi"}})"));
  EXPECT_EQ(after(guaranteed, {{"memory_limit", "2Gi"}})["requests"]["memory"], "2Gi");
  const json apart = pod({R"({"requests": {"cpu": "1"}, "limits": {"cpu": "4"}})"});
  EXPECT_EQ(after(apart, {{"cpu", "2"}})["limits"]["cpu"], "4");
}

TEST(Resources, APatchLeadsThereAndBack) {
  const json burstable = pod({R"({"requests": {"cpu": "500m"}})"});
  Resizing resizing = *resizing_of(pod_target(), burstable, {{"cpu", "1"}, {"cpu_limit", "2"}});
  EXPECT_EQ(resize_patch(resizing), json::parse(R"({"spec": {"containers": [{"name": "c0",
    "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}}]}})"));
  std::swap(resizing.before, resizing.after);
  EXPECT_EQ(resize_patch(resizing), json::parse(R"({"spec": {"containers": [{"name": "c0",
    "resources": {"requests": {"cpu": "500m"}, "limits": null}}]}})"));
}

TEST(Resources, TheClassOfServiceStays) {
  const json guaranteed = pod({R"({"requests": {"cpu": "1", "memory": "1Gi"},
                                   "limits": {"cpu": "1", "memory": "1Gi"}})"});
  EXPECT_THAT(why_not_resized(guaranteed, {{"cpu", "1"}, {"cpu_limit", "2"}}),
              HasSubstr("would become Burstable, and a Pod's stays Guaranteed"));
  EXPECT_THAT(why_not_resized(pod({"{}"}), {{"cpu", "1"}}), HasSubstr("stays BestEffort"));
  const json nearly =
      pod({R"({"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "1Gi"}})"});
  EXPECT_THAT(why_not_resized(nearly, {{"cpu", "2"}}), HasSubstr("would become Guaranteed"));
}

TEST(Resources, ALimitIsNotBelowItsRequest) {
  EXPECT_THAT(why_not_resized(pod({R"({"requests": {"cpu": "1"}, "limits": {"cpu": "2"}})"}),
                              {{"cpu", "3"}}),
              HasSubstr("cpu_limit= raises it"));
}

TEST(Resources, TheContainerIsTheOnlyOneOrTheNamedOne) {
  const char* some = R"({"requests": {"cpu": "1"}})";
  json two = pod({some, some});
  EXPECT_THAT(why_not_resized(two, {{"cpu", "2"}}),
              HasSubstr("say which (container=NAME): c0, c1"));
  EXPECT_THAT(why_not_resized(two, {{"cpu", "2"}, {"container", "c2"}}),
              HasSubstr("no container 'c2'"));
  EXPECT_EQ(resizing_of(pod_target(), two, {{"cpu", "2"}, {"container", "c1"}})->container, "c1");
  two["spec"]["containers"][1]["name"] = "scanflow-sidecar";
  EXPECT_EQ(resizing_of(pod_target(), two, {{"cpu", "2"}})->container, "c0");
  two["spec"]["initContainers"] = json::array(
      {{{"name", "native"}, {"restartPolicy", "Always"}, {"resources", json::parse(some)}},
       {{"name", "once"}}});
  EXPECT_EQ(resizing_of(pod_target(), two, {{"cpu", "2"}, {"container", "native"}})->list,
            "initContainers");
  EXPECT_THAT(why_not_resized(two, {{"cpu", "2"}, {"container", "once"}}), HasSubstr("that stays"));
  json ended = pod({some});
  ended["status"]["phase"] = "Succeeded";
  EXPECT_THAT(why_not_resized(ended, {{"cpu", "2"}}), HasSubstr("has ended"));
  EXPECT_THAT(why_not_resized(json::object(), {{"cpu", "2"}}), HasSubstr("several containers"));
}

TEST(Resources, ArgumentsThatAreNoneAreSaid) {
  EXPECT_THAT(check_resources(json::object()).error().message, HasSubstr("one of cpu"));
  EXPECT_THAT(check_resources({{"cpu", "lots"}}).error().message, HasSubstr("arguments/cpu"));
  EXPECT_THAT(check_resources({{"memory", "0"}}).error().message, HasSubstr("above 0"));
  EXPECT_TRUE(check_resources({{"cpu", "1"}}));
}

/// As a kubelet says it.
json told(json of, const std::string& type, const std::string& reason, int generation) {
  of["status"]["conditions"].push_back({{"type", type},
                                        {"status", "True"},
                                        {"reason", reason},
                                        {"message", "no room"},
                                        {"observedGeneration", generation}});
  return of;
}

TEST(Resources, ProgressIsWhatTheKubeletSaysOfThisGeneration) {
  json now = pod({R"({"requests": {"cpu": "1"}})"});
  const Resizing resizing = *resizing_of(pod_target(), now, {{"cpu", "2"}});
  now["metadata"]["generation"] = 2;
  EXPECT_EQ(progress_of(now, resizing).state, Progress::State::asked);
  EXPECT_EQ(progress_of(told(now, "PodResizePending", "Deferred", 1), resizing).state,
            Progress::State::asked)
      << "it is of an earlier resize";
  EXPECT_EQ(progress_of(told(now, "PodResizePending", "Deferred", 2), resizing).state,
            Progress::State::deferred);
  const Progress never = progress_of(told(now, "PodResizePending", "Infeasible", 2), resizing);
  EXPECT_EQ(never.state, Progress::State::infeasible);
  EXPECT_EQ(never.message, "no room");
  EXPECT_EQ(progress_of(told(now, "PodResizeInProgress", "", 2), resizing).state,
            Progress::State::under_way);
  now["status"]["containerStatuses"] = json::array(
      {{{"name", "c0"}, {"resources", json::parse(R"({"requests": {"cpu": "2000m"}})")}}});
  EXPECT_EQ(progress_of(now, resizing).state, Progress::State::done);
  now["status"]["observedGeneration"] = 1;
  EXPECT_EQ(progress_of(now, resizing).state, Progress::State::asked);
  now["status"]["phase"] = "Failed";
  EXPECT_EQ(progress_of(now, resizing).state, Progress::State::ended);
}

TEST(Resources, ProgressIsReadOffARealOne) {
  const char* kube = std::getenv("SCANFLOW_KUBE");
  if (kube == nullptr) GTEST_SKIP() << "set SCANFLOW_KUBE to the recordings of an API server";
  std::ifstream stream(std::string(kube) + "/fixtures/pods.watch.jsonl");
  std::vector<Progress::State> states;
  std::optional<Resizing> resizing;
  for (std::string line; std::getline(stream, line);) {
    const json object = json::parse(line)["object"];
    if (object["metadata"].value("name", "") != "resize") continue;
    if (object["metadata"]["generation"] == 1) {
      resizing = *resizing_of(pod_target(), object,
                              {{"cpu", "100m"}, {"memory", "64Mi"}, {"memory_limit", "96Mi"}});
      continue;
    }
    const Progress::State state = progress_of(object, *resizing).state;
    if (states.empty() || states.back() != state) states.push_back(state);
  }
  ASSERT_TRUE(resizing);
  ASSERT_GE(states.size(), 3u);
  EXPECT_EQ(states[0], Progress::State::asked);
  EXPECT_EQ(states[1], Progress::State::under_way);
  EXPECT_EQ(states[2], Progress::State::done);
}

TEST(Resources, ARecreationChangesTheTemplateOfItsOwner) {
  Resizing resizing{"containers", "main", json::object(),
                    json::parse(R"({"requests": {"cpu": "1"}})")};
  const auto plan = plan_recreation(web(), deployment(), resizing, "its node is too small");
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->changes[0].body, json::parse(R"({"spec": {"template": {"spec": {"containers": [
    {"name": "main", "resources": {"requests": {"cpu": "1"}}}]}}}})"));
  EXPECT_THAT(plan->message, HasSubstr("recreated, not resized in place: its node is too small"));
  EXPECT_THAT(plan->message, HasSubstr("all its Pods are replaced"));
  json by_hand = deployment();
  by_hand["spec"]["updateStrategy"]["type"] = "OnDelete";
  EXPECT_THAT(plan_recreation(web(), by_hand, resizing, "x")->message, HasSubstr("OnDelete"));
  resizing.container = "injected";
  EXPECT_THAT(plan_recreation(web(), deployment(), resizing, "x").error().message,
              HasSubstr("has no container injected"));
}

}  // namespace
}  // namespace scanflow::orchestrate
