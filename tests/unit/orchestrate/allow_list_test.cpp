#include "engine/orchestrate/allow_list.hpp"

#include <gmock/gmock.h>

#include "engine/orchestrate/patch.hpp"
#include "tests/unit/orchestrate/objects.hpp"

namespace scanflow::orchestrate {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

AllowList list(const json& entries) {
  auto read = read_allow_list({{"allow", entries}});
  if (!read) throw std::runtime_error(read.error().message);
  return *read;
}
json entry(const json& fields) { return {{"kind", "Deployment.apps"}, {"fields", fields}}; }
std::vector<std::string> missing(const AllowList& allowed, const char* patch) {
  return not_allowed(allowed, web(), fields_of(json::parse(patch)));
}

TEST(AllowList, FieldsAreThoseThatAPatchSetsOrRemoves) {
  EXPECT_THAT(fields_of(json::parse(R"({"spec": {"a": 1, "b": {"c": null}, "d": [{"e": 1}]}})")),
              ElementsAre("/spec/a", "/spec/b/c", "/spec/d"));
  EXPECT_THAT(fields_of(json::parse(R"({"spec": {}, "metadata": {"annotations": {"x/y~z": ""}}})")),
              ElementsAre("/metadata/annotations/x~1y~0z", "/spec"));
  EXPECT_THAT(fields_of(json::object()), ElementsAre("/"));
}

TEST(AllowList, AFieldAllowsWhatIsBelowItAndNothingAbove) {
  const AllowList allowed =
      list(json::array({entry({"/spec/strategy", "/spec/template/*/labels"})}));
  EXPECT_THAT(missing(allowed, R"({"spec": {"strategy": {"type": "Recreate"}}})"), IsEmpty());
  EXPECT_THAT(missing(allowed, R"({"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}})"),
              IsEmpty());
  EXPECT_THAT(missing(allowed, R"({"spec": null})"), ElementsAre("/spec"));
  EXPECT_THAT(missing(allowed, R"({"spec": {}})"), ElementsAre("/spec"));
  EXPECT_THAT(missing(allowed, R"({"spec": {"strategyOfMine": 1}})"),
              ElementsAre("/spec/strategyOfMine"));
  EXPECT_THAT(missing(allowed, R"({"spec": {"template": {"metadata": null}}})"),
              ElementsAre("/spec/template/metadata"));
  EXPECT_THAT(missing({}, R"({"spec": {"strategy": 1}})"), ElementsAre("/spec/strategy"));
}

TEST(AllowList, KindNamespaceAndNameMustFit) {
  const auto allows = [&](const json& more) {
    json one = entry(json::array({"/spec"}));
    one.update(more);
    return not_allowed(list(json::array({one})), web(), {"/spec/replicas"}).empty();
  };
  EXPECT_TRUE(allows(json::object()));
  EXPECT_TRUE(allows({{"name", "w*b"}, {"namespace", "sh*"}}));
  EXPECT_FALSE(allows({{"name", "we"}}));
  EXPECT_FALSE(allows({{"namespace", "shop2"}}));
  EXPECT_FALSE(allows({{"kind", "Deployment"}})) << "of another group";
  EXPECT_FALSE(allows({{"kind", "StatefulSet.apps"}}));
}

TEST(AllowList, WhatIsWrongWithItIsSaid) {
  const auto why = [](const char* text) {
    const auto read = read_allow_list(json::parse(text));
    return read ? std::string() : read.error().message;
  };
  EXPECT_THAT(why("[]"), HasSubstr("/"));
  EXPECT_THAT(why("{}"), HasSubstr("allow"));
  EXPECT_THAT(why(R"({"allow": [{"kind": "Pod"}]})"), HasSubstr("fields"));
  EXPECT_THAT(why(R"({"allow": [{"kind": "Pod", "fields": []}]})"), HasSubstr("/allow/0/fields"));
  EXPECT_THAT(why(R"({"allow": [{"kind": "Pod", "fields": ["spec.x"]}]})"),
              HasSubstr("JSON pointer"));
  EXPECT_THAT(why(R"({"allow": [{"kind": "Pod", "fields": ["//"]}]})"), HasSubstr("whole object"));
  EXPECT_THAT(why(R"({"allow": [{"kind": "Pod", "feilds": ["/spec"]}]})"),
              HasSubstr("did you mean 'fields'"));
}

TEST(Patch, IsRefusedWithWhatWouldAllowIt) {
  const json arguments = {{"patch", {{"spec", {{"paused", true}, {"replicas", 3}}}}}};
  const auto plan = plan_patch(web(), deployment(), arguments,
                               list(json::array({entry(json::array({"/spec/replicas"}))})));
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().state, Outcome::State::refused);
  EXPECT_THAT(plan.error().message, HasSubstr("/spec/paused may not be patched"));
  // What it says is what has to be added.
  json entries =
      json::array({entry(json::array({"/spec/replicas"})), plan.error().evidence["would_allow"]});
  const auto allowed = plan_patch(web(), deployment(), arguments, list(entries));
  ASSERT_TRUE(allowed);
  EXPECT_EQ(allowed->changes.at(0).body, arguments["patch"]);
  EXPECT_THAT(plan_patch(web(), deployment(), arguments, {}).error().message,
              HasSubstr("no allow-list is given"));
  EXPECT_FALSE(plan_patch(web(), deployment(), {{"patch", json::object()}}, list(entries)));
}

}  // namespace
}  // namespace scanflow::orchestrate
