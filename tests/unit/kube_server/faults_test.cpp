// What a test can let go wrong.
#include "tests/support/kube/faults.hpp"

#include <gmock/gmock.h>

#include "tests/unit/kube_server/fixture.hpp"

namespace scanflow::test::kube {
namespace {

using Kind = Fault::Kind;

class FaultsTest : public KubeTest {
 protected:
  static Fault fault(Kind kind, const std::string& verb, std::uint64_t times = UINT64_MAX) {
    Fault one;
    one.kind = kind;
    one.verb = verb;
    one.resource = "configmaps";
    one.times = times;
    return one;
  }
};

TEST_F(FaultsTest, TheNextRequestsAreRefused) {
  Fault busy = fault(Kind::status, "list", 2);
  busy.status = 429;
  busy.retry_after_s = 3;
  busy.after = 1;
  server_.add_fault(busy);
  EXPECT_EQ(client_.ask("GET", kMaps).status, 200) << "one is spared";
  const Given refused = client_.ask("GET", kMaps);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.headers.at("retry-after"), "3");
  EXPECT_EQ(refused.body()["details"]["retryAfterSeconds"], 3);
  EXPECT_EQ(client_.ask("GET", kMaps).status, 429);
  EXPECT_EQ(client_.ask("GET", kMaps).status, 200);
  EXPECT_EQ(client_.ask("GET", kPods).status, 200) << "of other resources it is not";
}

TEST_F(FaultsTest, AConnectionIsClosedBeforeOrAfterTheWorkIsDone) {
  server_.add_fault(fault(Kind::close_before, "create", 1));
  EXPECT_EQ(client_.ask("POST", kMaps, map_of("a", {})).status, 0);
  EXPECT_TRUE(server_.get(kMaps + "/a").is_null());
  server_.add_fault(fault(Kind::close_after, "create", 1));
  EXPECT_EQ(client_.ask("POST", kMaps, map_of("a", {})).status, 0);
  EXPECT_EQ(client_.ask("POST", kMaps, map_of("a", {})).status, 409) << "it is there";
}

TEST_F(FaultsTest, NamesAreAPatternAndChanceIsSeeded) {
  Fault some = fault(Kind::status, "get");
  some.name = "bad-*";
  server_.add_fault(some);
  EXPECT_EQ(client_.ask("GET", kMaps + "/good").status, 404);
  EXPECT_EQ(client_.ask("GET", kMaps + "/bad-1").status, 503);
  server_.clear_faults();
  server_.with([](Cluster& cluster) { cluster.faults.seed(3); });
  Fault half = fault(Kind::status, "list");
  half.probability = 0.5;
  server_.add_fault(half);
  int refused = 0;
  for (int i = 0; i < 40; ++i) refused += client_.ask("GET", kMaps).status == 503 ? 1 : 0;
  EXPECT_GT(refused, 10);
  EXPECT_LT(refused, 30);
}

TEST_F(FaultsTest, ReadsMayBeStale) {
  make_maps({"a", "b"});
  Fault stale = fault(Kind::stale, "");
  stale.versions = 1;
  server_.add_fault(stale);
  EXPECT_THAT(names_of(client_.ask("GET", kMaps).body()), testing::ElementsAre("a"));
  EXPECT_EQ(client_.ask("GET", kMaps + "/b").status, 404);
  EXPECT_EQ(client_.ask("GET", kMaps + "/a").status, 200);
}

TEST_F(FaultsTest, WatchesEndAreTooOldOrHaveNoBookmarks) {
  const std::string target =
      kMaps + "?watch=1&allowWatchBookmarks=true&resourceVersion=" + version();
  server_.add_fault(fault(Kind::end_watch, "watch", 1));
  EXPECT_EQ(next_of(*client_.watch(target)), "end");
  server_.add_fault(fault(Kind::compact_watch, "watch", 1));
  EXPECT_EQ(next_of(*client_.watch(target)), "ERROR Expired");
  server_.add_fault(fault(Kind::no_bookmarks, "watch", 1));
  const auto watch = client_.watch(target);
  server_.send_bookmarks();
  make_maps({"a"});
  EXPECT_EQ(next_of(*watch), "ADDED a");
}

TEST_F(FaultsTest, AnAnswerMayBeSlow) {
  Fault slow = fault(Kind::slow, "list", 1);
  slow.delay = std::chrono::milliseconds(50);
  server_.add_fault(slow);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(client_.ask("GET", kMaps).status, 200);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
}

}  // namespace
}  // namespace scanflow::test::kube
