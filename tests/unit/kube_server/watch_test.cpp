// Lists page by page, and watches: what they begin with, what they are told, and how they end.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/support/kube_recordings.hpp"
#include "tests/unit/kube_server/fixture.hpp"

namespace scanflow::test::kube {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ListsAndWatchesTest : public KubeTest {
 protected:
  void label(const std::string& name, const json& labels) {
    server_.ask("PATCH", kMaps + "/" + name, {{"metadata", {{"labels", labels}}}}, kMerge);
  }
};

TEST_F(ListsAndWatchesTest, PagesAreOfOneVersion) {
  make_maps({"a", "b", "c", "d", "e"});
  const json first = client_.ask("GET", kMaps + "?limit=2").body();
  EXPECT_THAT(names_of(first), ElementsAre("a", "b"));
  EXPECT_EQ(first["metadata"]["remainingItemCount"], 3);
  server_.ask("DELETE", kMaps + "/c");
  make_maps({"cc"});
  const std::string next = first["metadata"]["continue"];
  const json second = client_.ask("GET", kMaps + "?limit=2&continue=" + next).body();
  EXPECT_THAT(names_of(second), ElementsAre("c", "d"));
  EXPECT_EQ(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
  const std::string last = second["metadata"]["continue"];
  EXPECT_THAT(names_of(client_.ask("GET", kMaps + "?limit=2&continue=" + last).body()),
              ElementsAre("e"));
}

TEST_F(ListsAndWatchesTest, APageThatIsForgottenIsGoneAndSaysHowToGoOn) {
  make_maps({"a", "b", "c"});
  const std::string next = client_.ask("GET", kMaps + "?limit=1").body()["metadata"]["continue"];
  make_maps({"aa"});
  server_.compact();
  const Given gone = client_.ask("GET", kMaps + "?limit=1&continue=" + next);
  EXPECT_EQ(gone.status, 410);
  EXPECT_EQ(gone.body()["reason"], "Expired");
  const std::string on = gone.body()["metadata"]["continue"];
  EXPECT_THAT(names_of(client_.ask("GET", kMaps + "?continue=" + on).body()),
              ElementsAre("aa", "b", "c"));
}

TEST_F(ListsAndWatchesTest, SelectorsOfLabelsAndFields) {
  make_maps({"a", "b", "c"});
  label("a", {{"app", "x"}});
  label("b", {{"app", "y"}});
  const auto selected = [&](const std::string& query) {
    return names_of(client_.ask("GET", kMaps + "?" + query).body());
  };
  EXPECT_THAT(selected("labelSelector=app%3Dx"), ElementsAre("a"));
  EXPECT_THAT(selected("labelSelector=app+in+(x,y)"), ElementsAre("a", "b"));
  EXPECT_THAT(selected("labelSelector=!app"), ElementsAre("c"));
  EXPECT_THAT(selected("fieldSelector=metadata.name%3Db"), ElementsAre("b"));
  EXPECT_THAT(selected("fieldSelector=metadata.name!%3Db"), ElementsAre("a", "c"));
  const Given unknown = client_.ask("GET", kMaps + "?fieldSelector=data.x%3D1");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.body()["message"], "field label not supported: data.x");
}

TEST_F(ListsAndWatchesTest, AVersionThatIsToComeTimesOut) {
  const Given early = client_.ask("GET", kMaps + "?resourceVersion=99999");
  EXPECT_EQ(early.status, 504);
  EXPECT_EQ(early.body()["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
}

TEST_F(ListsAndWatchesTest, WhatBeginsOrCeasesToMatchIsAddedOrDeleted) {
  make_maps({"a"});
  const auto watch =
      client_.watch(kMaps + "?watch=1&labelSelector=on&resourceVersion=" + version());
  label("a", {{"on", "1"}});
  EXPECT_EQ(next_of(*watch), "ADDED a");
  label("a", {{"on", "2"}});
  EXPECT_EQ(next_of(*watch), "MODIFIED a");
  label("a", {{"on", nullptr}});
  const json gone = json::parse(watch->line().value());
  EXPECT_EQ(gone["type"], "DELETED");
  EXPECT_EQ(gone["object"]["metadata"]["labels"]["on"], "2") << "as it was last seen";
  EXPECT_EQ(gone["object"]["metadata"]["resourceVersion"], version());
}

TEST_F(ListsAndWatchesTest, WithoutAVersionItBeginsWithWhatIsThere) {
  make_maps({"a", "b"});
  const auto watch = client_.watch(kMaps + "?watch=true");
  EXPECT_EQ(next_of(*watch), "ADDED a");
  EXPECT_EQ(next_of(*watch), "ADDED b");
}

TEST_F(ListsAndWatchesTest, BookmarksComeWhereTheyAreAllowed) {
  const std::string from = version();
  const auto with =
      client_.watch(kMaps + "?watch=1&allowWatchBookmarks=true&resourceVersion=" + from);
  const auto without = client_.watch(kMaps + "?watch=1&resourceVersion=" + from);
  server_.create(namespace_of("elsewhere"));
  server_.send_bookmarks();
  const json bookmark = json::parse(with->line().value());
  EXPECT_EQ(bookmark["type"], "BOOKMARK");
  EXPECT_EQ(bookmark["object"]["metadata"]["resourceVersion"], version());
  make_maps({"a"});
  EXPECT_EQ(next_of(*without), "ADDED a");
}

TEST_F(ListsAndWatchesTest, InitialEventsEndWithTheRecordedBookmark) {
  make_maps({"a"});
  const auto watch = client_.watch(kPods +
                                   "?watch=1&allowWatchBookmarks=true&sendInitialEvents=true"
                                   "&resourceVersionMatch=NotOlderThan");
  json ours = json::parse(watch->line().value());
  ours["object"]["metadata"].erase("resourceVersion");
  EXPECT_EQ(ours["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
  if (std::getenv("SCANFLOW_KUBE") == nullptr) GTEST_SKIP() << kNoRecordings;
  std::ifstream stream(std::string(std::getenv("SCANFLOW_KUBE")) +
                       "/fixtures/pods.watchlist-bookmark.jsonl");
  for (std::string line; std::getline(stream, line);) {
    json theirs = json::parse(line);
    if (theirs["type"] != "BOOKMARK") continue;
    theirs["object"]["metadata"].erase("resourceVersion");
    EXPECT_EQ(ours, theirs);
    return;
  }
}

TEST_F(ListsAndWatchesTest, ALineMayBeTorn) {
  const auto watch = client_.watch(kMaps + "?watch=1&resourceVersion=" + version());
  server_.drop_watches(true);
  EXPECT_EQ(watch->line(), std::nullopt) << "what has no newline is no line";
}

TEST_F(ListsAndWatchesTest, ItEndsWhenItsTimeIsOver) {
  const auto watch =
      client_.watch(kMaps + "?watch=1&timeoutSeconds=1&resourceVersion=" + version());
  EXPECT_EQ(next_of(*watch), "end");
}

TEST_F(ListsAndWatchesTest, AVersionThatIsForgottenIsAnErrorEvent) {
  const std::string from = version();
  make_maps({"a"});
  server_.compact();
  const auto watch = client_.watch(kMaps + "?watch=1&resourceVersion=" + from);
  EXPECT_EQ(next_of(*watch), "ERROR Expired");
  EXPECT_EQ(next_of(*watch), "end");
}

}  // namespace
}  // namespace scanflow::test::kube
