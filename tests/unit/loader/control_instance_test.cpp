// Triggers and strategies at the host's side: what comes back is checked.
#include "sdk/loader/control_instance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace scanflow::loader {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::shared_ptr<const Library> test_library() {
  auto library = Library::load(TEST_PLUGINS "/test_steps.so");
  if (!library) throw std::runtime_error(library.error().message);
  return *library;
}

class TriggerInstanceTest : public testing::Test {
 protected:
  TriggerInstanceTest() {
    auto made = TriggerInstance::create(test_library(), "test.count", json::object(),
                                        [](std::int32_t, std::string_view) {});
    if (!made) throw std::runtime_error(made.error().message);
    trigger_ = std::move(*made);
  }
  Result<Woken> wake(const json& event) {
    return trigger_->wake({SCANFLOW_WAKE_EVENT, 5'000'000, event, ""});
  }
  std::string why(const json& event) {
    const auto woken = wake(event);
    return woken ? "" : woken.error().message;
  }
  std::unique_ptr<TriggerInstance> trigger_;
};

TEST_F(TriggerInstanceTest, GivesFiringsStateAndWhenItIsWokenNext) {
  const auto quiet = trigger_->wake({});
  ASSERT_TRUE(quiet) << quiet.error().message;
  EXPECT_THAT(quiet->fires, IsEmpty());
  EXPECT_EQ(quiet->state, std::nullopt);
  const auto woken = wake({{"fire", {{{"n", 1}}, {{"n", 2}}}}, {"state", 3}});
  ASSERT_TRUE(woken) << woken.error().message;
  EXPECT_THAT(woken->fires, ElementsAre(json{{"n", 1}}, json{{"n", 2}}));
  EXPECT_EQ(woken->state, "sss");
  EXPECT_EQ(woken->next_wake_us, 6'000'000);
}

TEST_F(TriggerInstanceTest, WhatItMayNotGiveIsAnError) {
  EXPECT_EQ(why({{"fail", "no such series"}}), "no such series");
  EXPECT_THAT(why({{"state", (64 << 10) + 1}}), HasSubstr("state"));
  EXPECT_THAT(why({{"fire", {1}}}), HasSubstr("without \"evidence\", a JSON object"));
  EXPECT_NE(why({{"fire", json(std::vector<json>(1001, json::object()))}}), "");
  EXPECT_NE(why({{"fire", {{{"text", std::string(2 << 20, 'x')}}}}}), "");
  EXPECT_EQ(why({{"state", 64 << 10}}), "") << "it goes on after errors";
}

TEST(ControlInstance, WhatALibraryLacksIsSaid) {
  const auto none = TriggerInstance::create(test_library(), "test.none", json::object(),
                                            [](std::int32_t, std::string_view) {});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message, "");
}

class StrategyInstanceTest : public testing::Test {
 protected:
  StrategyInstanceTest() {
    auto made = StrategyInstance::create(test_library(), "test.nothing", json::object(),
                                         [](std::int32_t, std::string_view) {});
    if (!made) throw std::runtime_error(made.error().message);
    strategy_ = std::move(*made);
  }
  Result<Decided> decide(const json& evidence) { return strategy_->decide({1, evidence, ""}); }
  std::unique_ptr<StrategyInstance> strategy_;
};

TEST_F(StrategyInstanceTest, GivesActionsAndState) {
  const auto decided =
      decide({{"actions", {{{"primitive", "stop"}, {"args", {{"n", 1}}}}}}, {"state", 2}});
  ASSERT_TRUE(decided) << decided.error().message;
  ASSERT_THAT(decided->actions, SizeIs(1));
  EXPECT_EQ(decided->actions[0].primitive, "stop");
  EXPECT_EQ(decided->actions[0].args, (json{{"n", 1}}));
  EXPECT_EQ(decided->state, "ss");
  const auto nothing = decide(json::object());
  ASSERT_TRUE(nothing);
  EXPECT_THAT(nothing->actions, IsEmpty());
}

TEST_F(StrategyInstanceTest, WhatItMayNotGiveIsAnError) {
  const auto why = [&](const json& evidence) {
    const auto decided = decide(evidence);
    return decided ? "" : decided.error().message;
  };
  EXPECT_EQ(why({{"fail", "no demand"}}), "no demand");
  EXPECT_THAT(why({{"actions", {{{"primitive", "stop"}, {"args", 1}}}}}), HasSubstr("no action"));
  const json action = {{"primitive", "stop"}, {"args", json::object()}};
  EXPECT_NE(why({{"actions", std::vector<json>(101, action)}}), "");
  EXPECT_EQ(why({{"actions", std::vector<json>(100, action)}}), "");
}

}  // namespace
}  // namespace scanflow::loader
