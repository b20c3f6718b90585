#include "engine/kube/event_series.hpp"

#include <gmock/gmock.h>

namespace scanflow::kube {
namespace {

constexpr std::int64_t kMinute = 60'000'000;
/// 2026-07-01T03:00:00Z.
constexpr std::int64_t kBegin = 1'782'874'800'000'000;

class EventSeriesTest : public testing::Test {
 protected:
  static Event event(const std::string& note, const std::string& object = "web") {
    Event made;
    made.regarding = {{"apps", "v1", "deployments", "Deployment"}, "shop", object, "uid-" + object};
    made.reason = "ScaleDone";
    made.action = "scale";
    made.note = note;
    return made;
  }
  std::optional<EventWrite> take(const Event& event, std::int64_t after_us) {
    return series_.take(event, {after_us, kBegin + after_us});
  }
  EventSeries series_{{.instance = "scanflow-host"}, 100};
};

TEST_F(EventSeriesTest, AnEventHasAllThatTheApiAsksFor) {
  Event made = event("3 replicas");
  made.related = Regarded{{"", "v1", "pods", "Pod"}, "shop", "web-1"};
  const auto first = take(made, 7);
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->again);
  EXPECT_EQ(first->name_space, "shop");
  EXPECT_EQ(first->name, first->object["metadata"]["name"]);
  EXPECT_EQ(first->name.substr(0, 4), "web.");
  nlohmann::json object = first->object;
  object.erase("metadata");
  EXPECT_EQ(object, nlohmann::json::parse(R"({
    "apiVersion": "events.k8s.io/v1", "kind": "Event", "eventTime": "2026-07-01T03:00:00.000007Z",
    "reportingController": "scanflow.dev/engine", "reportingInstance": "scanflow-host",
    "type": "Normal", "reason": "ScaleDone", "action": "scale", "note": "3 replicas",
    "regarding": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web", "uid": "uid-web"},
    "related": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web-1"}})"));
}

TEST_F(EventSeriesTest, TheSameWithinSixMinutesIsCountedInTheFirst) {
  const auto first = take(event("a"), 0), second = take(event("a"), 5 * kMinute);
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(second->again);
  EXPECT_EQ(second->name, first->name);
  EXPECT_EQ(
      second->object["series"],
      nlohmann::json::parse(R"({"count": 2, "lastObservedTime": "2026-07-01T03:05:00.000000Z"})"));
  EXPECT_EQ(take(event("a"), 11 * kMinute)->object["series"]["count"], 3) << "since the last one";
  const auto later = take(event("a"), 11 * kMinute + EventSeries::kSameUs + 1);
  EXPECT_FALSE(later->again);
  EXPECT_NE(later->name, first->name);
  EXPECT_FALSE(later->object.contains("series"));
}

TEST_F(EventSeriesTest, WhatDiffersIsAnotherOne) {
  take(event("a"), 0);
  Event warning = event("a"), reason = event("a"), action = event("a"), controlled = event("a");
  warning.warning = true;
  reason.reason = "Else";
  action.action = "else";
  for (const Event& other : {event("b"), event("a", "other"), warning, reason, action})
    EXPECT_FALSE(take(other, 1)->again);
  EXPECT_TRUE(take(event("a"), 2)->again);
}

TEST_F(EventSeriesTest, TwoOfTheSameMicrosecondHaveNamesOfTheirOwn) {
  EXPECT_NE(take(event("a"), 0)->name, take(event("b"), 0)->name);
}

TEST_F(EventSeriesTest, OfAnObjectWithoutANamespaceItIsInDefault) {
  Event node = event("a");
  node.regarding = {kinds::kNode, "", "system:vm"};
  const auto made = take(node, 0);
  EXPECT_EQ(made->name_space, "default");
  EXPECT_FALSE(made->object["regarding"].contains("namespace"));
  EXPECT_EQ(made->name.substr(0, 6), "event-") << "a colon is in no name of DNS";
}

TEST_F(EventSeriesTest, AStormIsDroppedAndStillCounted) {
  int written = 0;
  for (int i = 0; i < 100; ++i) written += take(event("a"), i) ? 1 : 0;
  EXPECT_EQ(written, 25);
  EXPECT_TRUE(take(event("a", "other"), 100)) << "which has a budget of its own";
  EXPECT_FALSE(take(event("else"), 4 * kMinute)) << "the budget is the object's";
  const auto next = take(event("a"), 5 * kMinute + 100);
  ASSERT_TRUE(next) << "one every five minutes";
  EXPECT_EQ(next->object["series"]["count"], 101);
  EXPECT_FALSE(take(event("a"), 6 * kMinute));
}

TEST_F(EventSeriesTest, WhatWasUsedLongestAgoIsForgotten) {
  take(event("first"), 0);
  for (int i = 0; i < 98; ++i) take(event("n", "o" + std::to_string(i)), 1);
  EXPECT_TRUE(take(event("first"), 2)->again);
  for (int i = 0; i < 100; ++i) take(event("m", "p" + std::to_string(i)), 3);
  EXPECT_FALSE(take(event("first"), 4)->again);
}

TEST(EventNote, IsOnePrintableLine) {
  EXPECT_EQ(event_note(" a\nb\tc\x1b[31m\x7f \xc2\x85 \xe2\x80\xa8z\n"), "a b c [31m     z");
  EXPECT_EQ(event_note("\xff"), "\xef\xbf\xbd");
  EXPECT_EQ(event_note("äöü€"), "äöü€");
}

TEST(EventNote, IsCutBetweenCharacters) {
  std::string text(1023, 'a');
  EXPECT_EQ(event_note(text + "ä"), text);
  EXPECT_EQ(event_note(text + "b" + "c"), text + "b");
}

}  // namespace
}  // namespace scanflow::kube
