#include "engine/webhook/review.hpp"

#include <gmock/gmock.h>

#include "tests/support/kube_recordings.hpp"
#include "tests/support/openapi.hpp"
#include "tests/unit/webhook/support.hpp"

namespace scanflow::webhook {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

inject::Settings settings() {
  inject::Settings settings = inject::defaults("1.2.3");
  settings.keep_injected = true;
  return settings;
}

http::Request posted(std::string body, std::string type = "application/json") {
  http::Request request;
  request.method = "POST";
  request.path = {"inject"};
  request.body = std::move(body);
  request.content_type = std::move(type);
  return request;
}

Verdict verdict_of(const json& review) {
  return webhook::review(posted(review.dump()), settings());
}

json response_of(const json& review) {
  const Verdict verdict = verdict_of(review);
  EXPECT_EQ(verdict.response.status, 200) << verdict.response.body;
  const json answer = json::parse(verdict.response.body);
  EXPECT_EQ(answer["apiVersion"], "admission.k8s.io/v1");
  EXPECT_EQ(answer["kind"], "AdmissionReview");
  EXPECT_EQ(answer["response"]["uid"], review["request"]["uid"]);
  EXPECT_EQ(answer["response"]["allowed"], true);
  return answer["response"];
}

/// As the API server has it then.
json admitted(const json& review) {
  const json response = response_of(review);
  const json& object = review["request"]["object"];
  if (!response.contains("patch")) return object;
  EXPECT_EQ(response["patchType"], "JSONPatch");
  return object.patch(json::parse(decoded(response["patch"])));
}

TEST(Review, RecordedOnesAreAnsweredWithAPatchThatTheServerTakes) {
  const auto schema = test::recording("openapi/api_v1.json");
  if (!schema) GTEST_SKIP() << test::kNoRecordings;
  const test::OpenApi openapi(*schema);
  for (const char* name : {"bare-pod", "job-pod", "dry-run"}) {
    const auto review = test::recording("fixtures/admissionreview." + std::string(name) + ".json");
    ASSERT_TRUE(review) << name;
    const json pod = admitted(*review);
    EXPECT_THAT(pod["spec"]["initContainers"], SizeIs(2)) << name;
    EXPECT_THAT(openapi.problems(pod), IsEmpty()) << name;
    const auto expected = inject::inject((*review)["request"]["object"], "fx", settings());
    EXPECT_EQ(pod, (*review)["request"]["object"].patch(expected->operations)) << name;
  }
}

TEST(Review, ADryRunIsAnsweredLikeAnyOther) {
  json review = review_of(pod());
  const json done = response_of(review);
  review["request"]["dryRun"] = true;
  EXPECT_EQ(response_of(review), done);
  EXPECT_TRUE(verdict_of(review).dry_run);
}

TEST(Review, AnObjectWithoutNameAndNamespaceHasThoseOfTheRequest) {
  json review = review_of(pod());
  EXPECT_EQ(verdict_of(review).reports.at(0).workload, "Pod web-*");
  EXPECT_EQ(verdict_of(review).name_space, "shop");
  review["request"]["namespace"] = "kube-system";
  EXPECT_THAT(response_of(review)["auditAnnotations"]["outcome"],
              HasSubstr("kube-system is the cluster's own"));
}

TEST(Review, WhatWasInjectedBeforeItCameStaysAsItIs) {
  json object = pod();
  object["metadata"]["annotations"]["scanflow.dev/hub"] = "tcp://other:1";
  inject::Settings earlier = inject::defaults("0.9");
  earlier.identity = inject::Identity{"run", "step", 1, "", "", ""};
  object = object.patch(inject::inject(object, "shop", earlier)->operations);
  const json response = response_of(review_of(object));
  EXPECT_FALSE(response.contains("patch"));
  EXPECT_THAT(response["auditAnnotations"]["outcome"], HasSubstr("injected before it came here"));
}

TEST(Review, OfUpdatesOnlyATemplateCanStillBeChanged) {
  EXPECT_FALSE(response_of(review_of(pod(), "UPDATE")).contains("patch"));
  EXPECT_FALSE(response_of(review_of(pod(), "CONNECT")).contains("patch"));
  json scale = review_of(pod());
  scale["request"]["subResource"] = "ephemeralcontainers";
  EXPECT_FALSE(response_of(scale).contains("patch"));
  const json deployment = {
      {"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"spec", {{"template", pod()}}}};
  EXPECT_TRUE(response_of(review_of(deployment, "UPDATE")).contains("patch"));
}

TEST(Review, WhatHoldsNoPodsIsAdmittedAsItIs) {
  const json response = response_of(review_of({{"apiVersion", "v1"}, {"kind", "ConfigMap"}}));
  EXPECT_FALSE(response.contains("patch"));
  json deleted = review_of({{"kind", "Pod"}}, "DELETE");
  deleted["request"]["object"] = nullptr;
  EXPECT_FALSE(response_of(deleted).contains("patch"));
  deleted["request"]["operation"] = "CREATE";
  EXPECT_FALSE(response_of(deleted).contains("patch"));
}

TEST(Review, AWrongAnnotationKeepsNoAppFromRunning) {
  json object = pod();
  object["metadata"]["annotations"]["scanflow.dev/memory-limit"] = "lots";
  const Verdict verdict = verdict_of(review_of(object));
  EXPECT_THAT(verdict.problem, AllOf(HasSubstr("memory-limit"), HasSubstr("'lots'")));
  const json response = response_of(review_of(object));
  EXPECT_FALSE(response.contains("patch"));
  EXPECT_THAT(response["warnings"],
              ElementsAre(AllOf(StartsWith("scanflow: Pod web-*: "), HasSubstr("memory-limit"))));
  EXPECT_THAT(response["auditAnnotations"]["outcome"], StartsWith("failed: "));
}

TEST(Review, WhatItsOwnerShouldKnowIsAWarning) {
  json object = pod();
  object["metadata"]["annotations"]["scanflow.dev/imge"] = "x";
  const json response = response_of(review_of(object));
  EXPECT_TRUE(response.contains("patch"));
  EXPECT_THAT(response["warnings"], ElementsAre(HasSubstr("did you mean 'scanflow.dev/image'?")));
}

TEST(Review, ALongWarningIsCutBetweenCharacters) {
  json object = pod();
  std::string name;
  for (int i = 0; i < 300; ++i) name += "ä";
  object["metadata"]["annotations"]["scanflow.dev/memory-limit"] = name;
  const json response = response_of(review_of(object));
  const std::string warning = response["warnings"][0];
  EXPECT_LE(warning.size(), 250U);
  EXPECT_TRUE(warning.ends_with("ä...")) << warning;
}

TEST(Review, AnotherTypeOfContentIsRefused) {
  const std::string body = review_of(pod()).dump();
  for (const char* type : {"", "text/plain", "application/yaml", "application/jsonx"}) {
    const Verdict verdict = webhook::review(posted(body, type), settings());
    EXPECT_EQ(verdict.response.status, 415) << type;
    EXPECT_THAT(verdict.refused, HasSubstr("application/json is wanted"));
  }
  for (const char* type : {"application/json", "application/json; charset=utf-8"})
    EXPECT_EQ(webhook::review(posted(body, type), settings()).response.status, 200) << type;
}

TEST(Review, WhatIsNoReviewIsRefusedAndTheReasonSaid) {
  const auto without = [](const char* field) {
    json review = review_of(pod());
    review["request"].erase(field);
    return review.dump();
  };
  json old = review_of(pod());
  old["apiVersion"] = "admission.k8s.io/v1beta1";
  std::string deep(200, '[');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "where it ends"},
      {"{", "at byte 2 of 1, where it ends"},
      {"{\"a\": nope}", "the body is no JSON: at byte"},
      {"[]", "is no JSON object"},
      {"{}", "an AdmissionReview is wanted"},
      {"{\"kind\": \"Pod\"}", "the body is a 'Pod'"},
      {old.dump(), "admissionReviewVersions of the webhook configuration must say v1"},
      {"{\"kind\": \"AdmissionReview\", \"apiVersion\": \"admission.k8s.io/v1\"}",
       "has no request"},
      {without("uid"), "has no uid"},
      {without("operation"), "has no operation"},
      {R"({"kind": 1e999})", "a number in it is too large"},
      {deep, "nested deeper than 100 levels"},
      {"\xff\xfe", "no JSON"}};
  for (const auto& [body, why] : cases) {
    const Verdict verdict = webhook::review(posted(body), settings());
    EXPECT_EQ(verdict.response.status, 400) << body.substr(0, 100);
    EXPECT_THAT(verdict.refused, HasSubstr(why)) << body.substr(0, 100);
  }
}

}  // namespace
}  // namespace scanflow::webhook
