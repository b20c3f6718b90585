// What triggers watch, as a real host process says it.
#include "engine/control/rule_watches.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_dir.hpp"
#include "tests/unit/control/plugins.hpp"

namespace scanflow::control {
namespace {

using testing::HasSubstr;

TEST(RuleWatches, ATriggerSaysItOnce) {
  const test::TempDir plugins;
  auto catalog = test::control_plugins(plugins.path());
  ASSERT_TRUE(catalog) << catalog.error().message;
  RuleWatches watches(std::make_shared<loader::Catalog>(std::move(*catalog)), WORKER_PROGRAM,
                      [](const std::string&) {});
  pipeline::AgentRule rule;
  rule.name = "tell";
  rule.on = {"test.obedient", {{"type", "drift.*"}}};
  const auto said = watches.of(rule);
  ASSERT_TRUE(said) << said.error().message;
  EXPECT_EQ(json(*said), (json{{{"source", "events"}, {"type", "drift.*"}}}));
  rule.on = {"none", json::object()};
  EXPECT_TRUE(watches.of(rule)) << "it is asked once";
  rule.name = "other";
  EXPECT_THAT(watches.of(rule).error().message, HasSubstr("'none' is not there"));
  rule.name = "high";
  rule.on = {"metric", {{"name", "loss"}, {"above", 3}}};
  EXPECT_EQ(watches.of(rule)->at(0).at("name"), "loss") << "after one that failed";
}

}  // namespace
}  // namespace scanflow::control
