// kubernetes: what a watch tells of objects, and what fires of that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <scanflow/testing.hpp>

#include "plugins/triggers/kubernetes/kubernetes_trigger.hpp"

namespace scanflow::triggers {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class KubernetesTriggerTest : public ::testing::Test {
 protected:
  explicit KubernetesTriggerTest(json config = json::object()) : config_(std::move(config)) {}
  /// The names of those that fired.
  std::vector<std::string> wake(WakeReason reason, double at_s, const json& told = nullptr) {
    const auto result =
        harness_.wake<KubernetesTrigger>(config_, {.reason = reason,
                                                   .now_us = static_cast<std::int64_t>(at_s * 1e6),
                                                   .event = told,
                                                   .state = state_});
    EXPECT_TRUE(result.ok()) << result.told.error;
    if (result.wake.state) state_ = *result.wake.state;
    next_us_ = result.wake.next_wake_us;
    fires_ = result.wake.fires;
    std::vector<std::string> names;
    for (const json& each : fires_) names.push_back(each.at("object").at("name"));
    return names;
  }
  std::vector<std::string> tell(const std::string& change, const std::string& name,
                                const json& value = nullptr, double at_s = 1) {
    return wake(
        WakeReason::sample, at_s,
        {{"change", change},
         {"object", {{"kind", "Pod"}, {"namespace", "shop"}, {"name", name}, {"uid", "u-" + name}}},
         {"value", value}});
  }
  std::vector<std::string> listed(const std::vector<std::string>& names, double at_s = 1) {
    json uids = json::array();
    for (const auto& name : names) uids.push_back("u-" + name);
    return wake(WakeReason::sample, at_s, {{"change", "listed"}, {"uids", uids}});
  }
  std::string wrong(const json& config) {
    const auto result = harness_.wake<KubernetesTrigger>(config, {});
    EXPECT_FALSE(result.ok()) << config;
    return result.told.error;
  }

  scanflow::testing::Harness harness_;
  json config_;
  std::string state_;
  std::optional<std::int64_t> next_us_;
  std::vector<json> fires_;
};

TEST_F(KubernetesTriggerTest, EachObjectFiresOnceWhenItBeginsToHold) {
  config_ = {{"object", "pods"}, {"path", "{.status.phase}"}, {"is", {"Failed", "Unknown"}}};
  EXPECT_THAT(tell("there", "a", "Failed"), ElementsAre("a")) << "it holds already";
  EXPECT_THAT(tell("there", "b", "Running"), IsEmpty());
  EXPECT_THAT(listed({"a", "b"}), IsEmpty());
  EXPECT_THAT(tell("modified", "a", "Failed"), IsEmpty()) << "the same edge";
  EXPECT_THAT(tell("modified", "b", "Unknown"), ElementsAre("b"));
  EXPECT_EQ(fires_[0], json({{"change", "holds"},
                             {"object", {{"kind", "Pod"}, {"namespace", "shop"}, {"name", "b"}}},
                             {"value", "Unknown"},
                             {"since_us", 1'000'000}}));
  EXPECT_THAT(tell("modified", "b", "Running"), IsEmpty());
  EXPECT_THAT(tell("modified", "b", "Failed"), ElementsAre("b")) << "again, after it had ended";
  EXPECT_THAT(tell("there", "b", "Failed"), IsEmpty()) << "a new list repeats what is there";
}

TEST_F(KubernetesTriggerTest, WhatHoldsMustLast) {
  config_ = {{"object", "deployment/web"}, {"path", "{.x}"}, {"above", 0}, {"for", "30s"}};
  EXPECT_THAT(tell("there", "web", 2, 10), IsEmpty());
  EXPECT_EQ(next_us_, 40'000'000);
  EXPECT_THAT(tell("modified", "web", 0, 20), IsEmpty());
  EXPECT_EQ(next_us_, std::nullopt) << "it has ended before";
  EXPECT_THAT(tell("modified", "web", 1, 30), IsEmpty());
  EXPECT_THAT(tell("modified", "web", 3, 45), IsEmpty()) << "it goes on since 30";
  EXPECT_THAT(wake(WakeReason::time, 59.9), IsEmpty());
  EXPECT_THAT(wake(WakeReason::time, 60), ElementsAre("web"));
  EXPECT_EQ(fires_[0].at("value"), 3);
  EXPECT_EQ(fires_[0].at("since_us"), 30'000'000);
  EXPECT_THAT(wake(WakeReason::time, 100), IsEmpty());
}

TEST_F(KubernetesTriggerTest, AStateGoesOnAfterARestart) {
  config_ = {{"object", "pods"}, {"path", "{.x}"}, {"below", 1}, {"for", "5s"}};
  EXPECT_THAT(tell("there", "a", 0, 1), IsEmpty());
  EXPECT_THAT(listed({"a"}), IsEmpty());
  EXPECT_THAT(wake(WakeReason::start, 20), IsEmpty()) << "nobody knows how it is by now";
  EXPECT_THAT(tell("there", "a", 0, 21), IsEmpty());
  EXPECT_THAT(wake(WakeReason::time, 25), ElementsAre("a"));
  EXPECT_THAT(wake(WakeReason::start, 26), IsEmpty());
  EXPECT_THAT(tell("there", "a", 0, 27), IsEmpty()) << "it has fired";
  EXPECT_THAT(listed({}, 28), IsEmpty()) << "it is gone";
  EXPECT_THAT(tell("added", "a", 0, 29), IsEmpty());
  EXPECT_EQ(next_us_, 34'000'000) << "another one begins anew";
}

TEST_F(KubernetesTriggerTest, TextThatIsANumberIsOne) {
  config_ = {{"object", "pods"}, {"path", "{.x}"}, {"above", 2.5}};
  EXPECT_THAT(tell("added", "a", "3"), ElementsAre("a"));
  EXPECT_THAT(tell("added", "b", "three"), IsEmpty());
  EXPECT_THAT(tell("added", "c", nullptr), IsEmpty());
}

TEST_F(KubernetesTriggerTest, WhatAppearsIsNewSinceItWasFirstListed) {
  config_ = {{"object", "jobs"}};
  EXPECT_THAT(tell("there", "a"), IsEmpty());
  EXPECT_THAT(listed({"a"}), IsEmpty());
  EXPECT_THAT(tell("added", "b"), ElementsAre("b"));
  EXPECT_THAT(tell("modified", "b"), IsEmpty());
  EXPECT_THAT(wake(WakeReason::start, 9), IsEmpty());
  EXPECT_THAT(tell("there", "a"), IsEmpty());
  EXPECT_THAT(tell("there", "c"), ElementsAre("c")) << "it came while nobody was there";
  EXPECT_THAT(listed({"a", "c"}), IsEmpty());
  EXPECT_THAT(tell("added", "b"), ElementsAre("b")) << "it had gone meanwhile";
}

TEST_F(KubernetesTriggerTest, WhatDisappearsIsToldOnce) {
  config_ = {{"object", "jobs"}, {"when", "disappears"}};
  tell("there", "a");
  tell("there", "b");
  listed({"a", "b"});
  EXPECT_THAT(tell("deleted", "a"), ElementsAre("a"));
  EXPECT_THAT(tell("deleted", "a"), IsEmpty());
  EXPECT_THAT(listed({}), ElementsAre("b")) << "while nobody was there";
  EXPECT_THAT(listed({}), IsEmpty());
}

TEST_F(KubernetesTriggerTest, AChangeSaysWhatItWas) {
  config_ = {{"object", "pods"}, {"path", "{.spec.image}"}};
  tell("there", "a", "web:1");
  listed({"a"});
  EXPECT_THAT(tell("modified", "a", "web:1"), IsEmpty());
  EXPECT_THAT(tell("modified", "a", "web:2"), ElementsAre("a"));
  EXPECT_EQ(fires_[0].at("was"), "web:1");
  EXPECT_EQ(fires_[0].at("value"), "web:2");
  EXPECT_THAT(tell("there", "a", "web:3"), ElementsAre("a")) << "while nobody was there";
  EXPECT_THAT(tell("added", "b", "web:1"), IsEmpty()) << "that is no change";
}

TEST_F(KubernetesTriggerTest, ItsStateHasABound) {
  config_ = {{"object", "pods"}};
  listed({});
  std::size_t fired = 0;
  for (int i = 0; i < 200; ++i)
    fired += tell("added", std::string(200, 'x') + std::to_string(i)).size();
  EXPECT_LT(state_.size(), 64u << 10);
  EXPECT_THAT(fired, ::testing::AllOf(::testing::Gt(50u), ::testing::Lt(200u)))
      << "those without room fire neither once nor again and again";
  tell("deleted", std::string(200, 'x') + "0");
  EXPECT_THAT(tell("added", std::string(200, 'x') + "2000"), SizeIs(1)) << "there is room again";
}

TEST_F(KubernetesTriggerTest, WhatIsWrongIsSaid) {
  EXPECT_THAT(wrong({}), HasSubstr("object"));
  EXPECT_THAT(wrong({{"object", "pods"}, {"is", {"a"}}}), HasSubstr("path: write one"));
  EXPECT_THAT(wrong({{"object", "pods"}, {"path", "{.a}"}, {"is", {"a"}}, {"above", 1}}),
              HasSubstr("is, above, below: write one of them"));
  EXPECT_THAT(wrong({{"object", "pods"}, {"when", "vanishes"}}),
              HasSubstr("'vanishes' is none of"));
  EXPECT_THAT(wrong({{"object", "pods"}, {"when", "changes"}}), HasSubstr("of what?"));
  EXPECT_THAT(wrong({{"object", "pods"}, {"for", "1m"}}), HasSubstr("for: only what"));
  EXPECT_THAT(wrong({{"object", "pods"}, {"path", "{.a}"}, {"below", 1}, {"for", "soon"}}),
              HasSubstr("for: "));
  EXPECT_THAT(wrong({{"object", "pods"}, {"path", "{.a}"}, {"is", {{{"a", 1}}}}}),
              HasSubstr("is no text"));
}

TEST_F(KubernetesTriggerTest, SaysWhatItWatches) {
  const KubernetesTrigger trigger([] {
    KubernetesConfig config;
    config.object = "pods";
    config.name_space = "*";
    config.labels = "app=web";
    config.path = "{.status.phase}";
    return config;
  }());
  EXPECT_THAT(trigger.watches(), ElementsAre(json({{"source", "objects"},
                                                   {"object", "pods"},
                                                   {"namespace", "*"},
                                                   {"labels", "app=web"},
                                                   {"path", "{.status.phase}"}})));
}

}  // namespace
}  // namespace scanflow::triggers
