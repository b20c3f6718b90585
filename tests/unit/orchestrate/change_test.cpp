#include "engine/orchestrate/change.hpp"

#include <gmock/gmock.h>

#include <random>

#include "tests/unit/orchestrate/objects.hpp"

namespace scanflow::orchestrate {
namespace {

TEST(Change, AMergePatchLeadsFromOneToTheOther) {
  const json before = {{"a", 1}, {"b", {{"c", 2}, {"d", 3}}}, {"e", {1, 2}}};
  const json after = {{"a", 1}, {"b", {{"c", 4}}}, {"e", {2}}, {"f", {{"g", 1}}}};
  const json patch = merge_diff(before, after);
  EXPECT_EQ(patch, json::parse(R"({"b": {"c": 4, "d": null}, "e": [2], "f": {"g": 1}})"));
  EXPECT_EQ(merge_diff(before, before), json::object());
}

json random_value(std::mt19937& random, int depth) {
  if (depth == 0 || random() % 3 == 0) return static_cast<int>(random() % 3);
  if (random() % 4 == 0) return json::array({static_cast<int>(random() % 3)});
  json object = json::object();
  for (const char* name : {"a", "b", "c"}) {
    if (random() % 2 == 0) object[name] = random_value(random, depth - 1);
  }
  return object;
}

TEST(Change, AMergePatchOfAnyTwoObjectsLeadsFromOneToTheOther) {
  std::mt19937 random(5);
  for (int i = 0; i < 2'000; ++i) {
    json before = {{"x", random_value(random, 3)}};
    const json after = {{"x", random_value(random, 3)}};
    const json patch = merge_diff(before, after);
    before.merge_patch(patch);
    ASSERT_EQ(before, after) << patch;
  }
}

TEST(Change, AGuardedOneIsOfTheVersionThatWasRead) {
  json after = deployment();
  EXPECT_EQ(guarded_diff(deployment(), after), json::object());
  after["spec"]["replicas"] = 3;
  EXPECT_EQ(guarded_diff(deployment(), after),
            json::parse(R"({"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 3}})"));
}

TEST(Change, WhatAPatchTouchesIsShownWithoutTheObjectsIdentity) {
  const json patch = json::parse(
      R"({"metadata": {"resourceVersion": "7", "annotations": {"x": "1"}}, "spec": {"replicas": 3}})");
  EXPECT_EQ(touched(deployment(), patch),
            json::parse(R"({"metadata": {"annotations": null}, "spec": {"replicas": 2}})"));
  EXPECT_EQ(touched(deployment(), {{"spec", {{"none", {{"deep", 1}}}}}}),
            json::parse(R"({"spec": {"none": null}})"));
  const json containers = json::parse(R"({"spec": {"containers": [
    {"name": "a", "image": "x", "env": [{"name": "TOKEN", "value": "t"}], "resources": {"r": 1}},
    {"name": "b", "resources": {"r": 2}}]}})");
  EXPECT_EQ(
      touched(containers,
              json::parse(R"({"spec": {"containers": [{"name": "a", "resources": {"r": 3}}]}})"),
              true),
      json::parse(R"({"spec": {"containers": [{"name": "a", "resources": {"r": 1}}]}})"));
  EXPECT_EQ(touched({{"spec", 3}}, {{"spec", {{"a", 1}}}}), json::parse(R"({"spec": 3})"));
}

}  // namespace
}  // namespace scanflow::orchestrate
