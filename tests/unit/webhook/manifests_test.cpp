#include "engine/webhook/manifests.hpp"

#include <gmock/gmock.h>

#include <map>

#include "tests/support/kube_recordings.hpp"
#include "tests/support/openapi.hpp"
#include "tests/unit/webhook/support.hpp"

namespace scanflow::webhook {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::IsEmpty;

Installation installation() {
  Installation to;
  to.makes_namespace = true;
  to.image = "registry/engine:1";
  to.flags = {"--hub=tcp://hub:4190"};
  to.ca = "CA";
  to.certificate = "CERTIFICATE";
  to.key = "KEY";
  return to;
}

json of_kind(const json& all, const std::string& kind) {
  for (const json& each : all) {
    if (each["kind"] == kind) return each;
  }
  return nullptr;
}

TEST(Manifests, ApiServersTakeThem) {
  std::map<std::string, test::OpenApi> schemas;
  for (const auto& [version, file] : std::map<std::string, std::string>{
           {"v1", "api_v1"},
           {"apps/v1", "apis_apps_v1"},
           {"admissionregistration.k8s.io/v1", "apis_admissionregistration.k8s.io_v1"}}) {
    const auto schema = test::recording("openapi/" + file + ".json");
    if (!schema) GTEST_SKIP() << test::kNoRecordings;
    schemas.emplace(version, *schema);
  }
  const json all = manifests(installation());
  EXPECT_EQ(all.size(), 5U);
  for (const json& each : all) {
    const auto schema = schemas.find(each["apiVersion"]);
    ASSERT_NE(schema, schemas.end()) << each.dump();
    EXPECT_THAT(schema->second.problems(each), IsEmpty()) << each["kind"];
  }
}

TEST(Manifests, WhatNamesTheOtherDoesSoRightly) {
  const json all = manifests(installation());
  const json pod = of_kind(all, "Deployment")["spec"]["template"];
  const json container = pod["spec"]["containers"][0];
  const json service = of_kind(all, "Service");
  EXPECT_EQ(service["spec"]["selector"], pod["metadata"]["labels"]);
  EXPECT_EQ(service["spec"]["ports"][0]["targetPort"], container["ports"][0]["name"]);
  EXPECT_THAT(container["args"], Contains("--listen=:8443"));
  EXPECT_THAT(container["args"], Contains("--hub=tcp://hub:4190"));
  EXPECT_EQ(pod["spec"]["volumes"][0]["secret"]["secretName"],
            of_kind(all, "Secret")["metadata"]["name"]);
  const json webhook = of_kind(all, "MutatingWebhookConfiguration")["webhooks"][0];
  const json called = webhook["clientConfig"]["service"];
  EXPECT_EQ(called["name"], service["metadata"]["name"]);
  EXPECT_EQ(called["port"], service["spec"]["ports"][0]["port"]);
  EXPECT_EQ(decoded(webhook["clientConfig"]["caBundle"]), "CA");
  EXPECT_EQ(webhook["failurePolicy"], "Ignore");
  EXPECT_EQ(webhook["sideEffects"], "None");
  EXPECT_THAT(dns_names("scanflow"), Contains(called["name"].get<std::string>() + "." +
                                              called["namespace"].get<std::string>() + ".svc"));
}

TEST(Manifests, ASecretThatIsThereAlreadyIsNotMadeAnew) {
  Installation to = installation();
  to.key.clear();
  to.tls_secret = "from-cert-manager";
  const json all = manifests(to);
  EXPECT_TRUE(of_kind(all, "Secret").is_null());
  EXPECT_EQ(
      of_kind(all, "Deployment")["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"],
      "from-cert-manager");
}

}  // namespace
}  // namespace scanflow::webhook
