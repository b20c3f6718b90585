// The admission policy does what inject() does: each Pod of the corpus is put through both.
#include "engine/inject/policy.hpp"

#include <gmock/gmock.h>

#include "engine/inject/pod.hpp"
#include "tests/support/cel.hpp"
#include "tests/support/kube_recordings.hpp"
#include "tests/support/openapi.hpp"
#include "tests/unit/inject/support.hpp"

namespace scanflow::inject {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

json policy_of(const Settings& settings) {
  const auto policy = admission_policy(settings);
  EXPECT_TRUE(policy) << policy.error().message;
  return policy ? (*policy)[0] : json();
}

/// As API servers have a Pod when they ask: what says nothing is gone.
json normal(const json& value) {
  if (value.is_array()) {
    json all = json::array();
    for (const json& each : value) all.push_back(normal(each));
    return all;
  }
  if (!value.is_object()) return value;
  json all = json::object();
  for (const auto& [key, each] : value.items()) {
    if (each.is_null() || (each.is_array() && each.empty())) continue;
    if (each == json::object() && (key == "annotations" || key == "securityContext")) continue;
    all[key] = normal(each);
  }
  return all;
}

/// What a policy cannot know or say otherwise is taken out of both.
json comparable(json pod) {
  pod["metadata"]["annotations"].erase(std::string(kInjected));
  if (pod["metadata"]["annotations"].empty()) pod["metadata"].erase("annotations");
  const auto erase_named = [](json& list, std::string_view name, bool when = true) {
    if (!when || !list.is_array()) return;
    for (std::size_t i = list.size(); i-- > 0;) {
      if (list[i]["name"] == name) list.erase(i);
    }
  };
  for (json& each : pod["spec"]["initContainers"]) {
    erase_named(each["volumeMounts"], "scanflow-no-token");
    if (!each.contains("env") || !each["env"].is_array()) continue;
    for (std::size_t i = each["env"].size(); i-- > 0;) {
      if (each["env"][i] == json{{"name", "SCANFLOW_SOCKET_FOR_ALL"}, {"value", "0"}})
        each["env"].erase(i);
    }
  }
  erase_named(pod["spec"]["volumes"], "scanflow-no-token");
  return pod;
}

/// All templates of the corpus whose form an API server would take, as Pods.
std::vector<json> pods() {
  std::vector<json> all;
  for (const CorpusFile& file : corpus()) {
    for (const Document& document : documents_of(file.text)) {
      const json object = to_json(tree_of(document));
      for (const Workload& workload : workloads(object, "default")) {
        const json::json_pointer place(workload.pod);
        if (!object.contains(place) || !object.at(place).is_object()) continue;
        json pod = normal(object.at(place));
        pod["apiVersion"] = "v1";
        pod["kind"] = "Pod";
        if (!pod.contains("metadata")) pod["metadata"] = json::object();
        if (!pod["metadata"].is_object()) continue;
        pod["metadata"]["namespace"] = workload.name_space;
        all.push_back(std::move(pod));
      }
    }
  }
  return all;
}

bool is_form(const std::string& reason) {
  for (const char* part : {"is no list", "are no list", "has no name", "are called",
                           "no containers", "is no map", "are no map", "neither true nor false"}) {
    if (reason.find(part) != std::string::npos) return true;
  }
  return false;
}

/// Settings of its own, which a policy does not read; or a record.
bool has_own_settings(const json& pod) {
  for (const auto& [key, value] : member(member(pod, "metadata"), "annotations").items()) {
    if (key.starts_with(kAnnotationPrefix) && key != "scanflow.dev/inject") return true;
  }
  return false;
}

class PolicyTest : public testing::TestWithParam<const char*> {
 protected:
  Settings settings() const {
    const std::string_view name = GetParam();
    Settings settings = defaults("1.0");
    if (name == "only_enabled") settings.only_enabled = true;
    if (name == "admin") settings.admin = "127.0.0.1:8080";
    if (name == "all") {
      settings.image = "registry/sidecar \"quoted\\\":1";
      settings.cpu_limit = "200m";
      settings.image_pull_policy = "Never";
      settings.rules = "threads > 5 -> dump\nrss > 1 GiB -> checkpoint";
      settings.grace = "3s";
    }
    return settings;
  }
};

TEST_P(PolicyTest, DoesWhatInjectDoes) {
  const json policy = policy_of(settings());
  int injected = 0, left = 0;
  for (const json& pod : pods()) {
    const auto patch = inject(pod, "default", settings());
    if (!patch || patch->reports.empty() || is_form(patch->reports[0].reason)) continue;
    const Report& report = patch->reports[0];
    if (pod["metadata"]["namespace"] == "kube-system") continue;  // see the binding
    std::string failed;
    const json admitted = test::cel::admit(policy, pod, &failed);
    if (has_own_settings(pod)) {
      EXPECT_TRUE(admitted.is_null()) << pod.dump();
    } else if (report.outcome == Outcome::injected) {
      ++injected;
      EXPECT_EQ(failed, "") << pod.dump();
      EXPECT_EQ(comparable(admitted), comparable(pod.patch(patch->operations)))
          << json::diff(comparable(admitted), comparable(pod.patch(patch->operations))).dump(1);
    } else {
      ++left;
      EXPECT_NE(failed, "") << report.reason << ": " << pod.dump();
    }
  }
  EXPECT_GE(injected, GetParam() == std::string_view("only_enabled") ? 1 : 25);
  EXPECT_GE(left, 8);
}

INSTANTIATE_TEST_SUITE_P(Settings, PolicyTest,
                         testing::Values("defaults", "only_enabled", "admin", "all"));

TEST(Policy, WhatItInjectedIsNotInjectedTwice) {
  const json policy = policy_of(defaults("1.0"));
  std::string failed;
  const json pod = test::cel::admit(policy, simple_pod(), &failed);
  ASSERT_FALSE(pod.is_null()) << failed;
  EXPECT_TRUE(test::cel::admit(policy, pod, &failed).is_null());
  const auto again = inject(pod, "shop", defaults("1.0"));
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, AllOf(HasSubstr("an admission policy of the cluster"),
                                           HasSubstr("take the manifest")));
  EXPECT_FALSE(uninject(pod));
}

TEST(Policy, ApiServersTakeIt) {
  const auto schema = test::recording("openapi/apis_admissionregistration.k8s.io_v1.json");
  if (!schema) GTEST_SKIP() << test::kNoRecordings;
  const auto policy = admission_policy(defaults("1.0"));
  ASSERT_TRUE(policy);
  for (const json& each : *policy)
    EXPECT_THAT(test::OpenApi(*schema).problems(each), IsEmpty()) << each["kind"];
}

TEST(Policy, IsOfNamespacesThatWantItAndNeverOfTheClustersOwn) {
  const auto policy = admission_policy(defaults("1.0"));
  ASSERT_TRUE(policy);
  const json& selector = (*policy)[1]["spec"]["matchResources"]["namespaceSelector"];
  EXPECT_EQ(selector["matchLabels"], (json{{"scanflow.dev/injection", "enabled"}}));
  EXPECT_EQ(selector["matchExpressions"], json::parse(R"([{"key": "kubernetes.io/metadata.name",
                                              "operator": "NotIn", "values": ["kube-system"]}])"));
}

TEST(Policy, WhatItCannotDoIsRefused) {
  Settings plain = defaults("1.0");
  plain.shape = Shape::plain;
  EXPECT_THAT(admission_policy(plain).error().message,
              AllOf(HasSubstr("--shape"), HasSubstr("use a webhook")));
  Settings some = defaults("1.0");
  some.containers = {"web"};
  EXPECT_THAT(admission_policy(some).error().message, HasSubstr("--containers"));
}

}  // namespace
}  // namespace scanflow::inject
