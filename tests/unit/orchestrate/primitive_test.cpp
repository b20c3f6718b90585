#include "engine/orchestrate/primitive.hpp"

#include <gmock/gmock.h>

#include "engine/orchestrate/session.hpp"
#include "sdk/loader/schema.hpp"
#include "tests/unit/orchestrate/objects.hpp"

namespace scanflow::orchestrate {
namespace {

using testing::HasSubstr;

std::string problem_of(const std::string& primitive, const json& arguments,
                       std::int64_t deadline_us = 0) {
  const auto checked = check_request({web(), primitive, arguments, deadline_us});
  return checked ? "" : checked.error().message;
}

TEST(Primitive, EachHasASchemaASummaryAndATime) {
  EXPECT_EQ(primitives().size(), 9u);
  for (const Primitive& each : primitives()) {
    EXPECT_TRUE(loader::check_schema(json::parse(each.schema))) << each.name;
    EXPECT_FALSE(each.summary.empty());
    EXPECT_GT(each.deadline_us, 0);
    EXPECT_NE(each.act, nullptr);
    for (const std::string_view kind : each.kinds) EXPECT_NE(known_kind(kind), nullptr) << kind;
  }
  const json documents = primitive_documents();
  EXPECT_EQ(documents[0]["name"], "scale");
  EXPECT_EQ(documents[0]["targets"], json::array({"any"}));
  EXPECT_EQ(documents[1]["targets"], json::array({"Pod"}));
}

TEST(Primitive, EvidenceIsWhatWasChangedAndNoSecret) {
  json after = deployment();
  after["spec"]["replicas"] = 3;
  after["metadata"]["resourceVersion"] = "8";
  Change change{web(), deployment(), json::parse(R"({"spec": {"replicas": 3}})")};
  EXPECT_EQ(evidence_of(change, after), json::parse(R"({"object": "Deployment shop/web",
    "before": {"spec": {"replicas": 2}}, "after": {"spec": {"replicas": 3}},
    "resource_versions": {"before": "7", "after": "8"}})"));
  change.before = nullptr;
  EXPECT_EQ(evidence_of(change, after)["before"], json());
  change.target.kind = kube::kinds::kSecret;
  change.body = {{"data", {{"password", "c2VjcmV0"}}}};
  EXPECT_EQ(evidence_of(change, change.body).dump().find("c2VjcmV0"), std::string::npos);
}

TEST(Primitive, ArgumentsAreCheckedAndFilledIn) {
  const auto checked = check_request({web(), "scale", {{"replicas", 3}}});
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->arguments["autoscaler"], "floor");
  EXPECT_EQ(checked->deadline_us, 30'000'000);
  EXPECT_THAT(problem_of("scale", json::object()), HasSubstr("replicas"));
  EXPECT_THAT(problem_of("scale", {{"replicas", -1}}), HasSubstr("arguments/replicas"));
  EXPECT_THAT(problem_of("scale", {{"replicas", "3"}}), HasSubstr("arguments/replicas"));
  EXPECT_THAT(problem_of("scale", {{"replica", 3}}), HasSubstr("did you mean 'replicas'"));
  EXPECT_THAT(problem_of("resize", {{"cpu", "much"}}),
              HasSubstr("primitive resize: arguments/cpu"));
  EXPECT_THAT(problem_of("scale", {{"replicas", 1}}, -5), HasSubstr("deadline"));
  EXPECT_THAT(problem_of("scael", {}), HasSubstr("did you mean 'scale'?"));
  EXPECT_THAT(problem_of("explode", {}), HasSubstr("there are: scale, resize"));
}

}  // namespace
}  // namespace scanflow::orchestrate
