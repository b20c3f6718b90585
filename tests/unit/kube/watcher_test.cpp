#include "engine/kube/watcher.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>

#include "engine/kube/elector.hpp"
#include "tests/support/kube/server.hpp"
#include "tests/support/program.hpp"

namespace scanflow::kube {
namespace {

using std::chrono::seconds;
using test::kube::Fault;
using test::kube::KubeServer;

/// What a watcher says there is.
class Seen {
 public:
  Watcher::Events events() {
    Watcher::Events events;
    events.listed = [this](const std::vector<json>& items, std::int64_t) {
      const std::scoped_lock lock(mutex_);
      ++lists_;
      all_.clear();
      for (const json& item : items) put(item);
      changed_.notify_all();
    };
    events.changed = [this](const Change& change) {
      const std::scoped_lock lock(mutex_);
      if (change.what == Change::What::deleted) {
        all_.erase(change.object["metadata"]["name"]);
      } else {
        put(change.object);
      }
      changed_.notify_all();
    };
    return events;
  }
  /// Does it come to be so, within a while?
  bool comes_to(const std::map<std::string, std::string>& all) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, seconds(20), [&] { return all_ == all; });
  }
  int lists() {
    const std::scoped_lock lock(mutex_);
    return lists_;
  }
  std::map<std::string, std::string> all() {
    const std::scoped_lock lock(mutex_);
    return all_;
  }

 private:
  void put(const json& object) { all_[object["metadata"]["name"]] = object["data"]["n"]; }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> all_;
  int lists_ = 0;
};

class WatcherTest : public testing::Test {
 protected:
  WatcherTest() {
    auto access =
        read_kubeconfig({{"/test/config", server_.kubeconfig(server_.admin_token())}}, "");
    Client::Means means = Client::usual();
    means.rate = {.per_s = 10'000, .burst = 10'000};
    means.repeat.first_us = 1'000;
    client_ = *Client::open(std::move(*access), means);
  }
  void put(const std::string& name, const std::string& n) {
    json object = {{"apiVersion", "v1"},
                   {"kind", "ConfigMap"},
                   {"metadata", {{"name", name}, {"namespace", "default"}}},
                   {"data", {{"n", n}}}};
    const std::string path = "/api/v1/namespaces/default/configmaps/" + name;
    if (server_.get(path).is_null()) {
      server_.create(object);
    } else {
      server_.ask("PATCH", path, {{"data", {{"n", n}}}}, "application/merge-patch+json");
    }
    truth_[name] = n;
  }
  void erase(const std::string& name) {
    server_.ask("DELETE", "/api/v1/namespaces/default/configmaps/" + name);
    truth_.erase(name);
  }
  std::unique_ptr<Watcher> watcher(std::chrono::milliseconds silence = Watcher::kSilence) {
    return std::make_unique<Watcher>(client_, Watcher::What{kinds::kConfigMap, "default", {}},
                                     seen_.events(), silence);
  }
  KubeServer server_;
  std::shared_ptr<Client> client_;
  Seen seen_;
  std::map<std::string, std::string> truth_;
};

TEST_F(WatcherTest, KeepsUp) {
  put("a", "1");
  put("b", "1");
  const auto watches = watcher();
  EXPECT_TRUE(seen_.comes_to(truth_));
  put("a", "2");
  put("c", "1");
  erase("b");
  EXPECT_TRUE(seen_.comes_to(truth_));
  EXPECT_EQ(seen_.lists(), 1);
}

TEST_F(WatcherTest, GoesOnFromWhereItWasWhenAWatchEnds) {
  put("a", "1");
  const auto watches = watcher();
  ASSERT_TRUE(seen_.comes_to(truth_));
  for (int i = 0; i < 5; ++i) {
    server_.drop_watches();
    put("a", std::to_string(10 + i));
    put("n" + std::to_string(i), "1");
    ASSERT_TRUE(seen_.comes_to(truth_)) << i;
  }
  EXPECT_EQ(seen_.lists(), 1) << "nothing was listed anew";
}

TEST_F(WatcherTest, ListsAnewWhatItCannotKnowOtherwise) {
  put("a", "1");
  put("b", "1");
  const auto watches = watcher();
  ASSERT_TRUE(seen_.comes_to(truth_));
  server_.add_fault({.kind = Fault::Kind::compact_watch, .verb = "watch", .times = 1});
  server_.drop_watches();
  erase("a");
  put("c", "3");
  EXPECT_TRUE(seen_.comes_to(truth_));
  EXPECT_EQ(seen_.lists(), 2);
}

TEST_F(WatcherTest, NoticesAConnectionThatIsHalfOpen) {
  server_.add_fault({.kind = Fault::Kind::no_bookmarks, .verb = "watch", .times = 1});
  const auto watches = watcher(std::chrono::milliseconds(300));
  ASSERT_TRUE(seen_.comes_to(truth_));
  EXPECT_TRUE(test::eventually([&] { return server_.counters().count("watch") >= 2; }))
      << "it asks again where nothing is heard";
}

TEST_F(WatcherTest, MissesNothingThroughFaults) {
  server_.add_fault({.kind = Fault::Kind::end_watch, .verb = "watch", .probability = 0.3});
  server_.add_fault({.kind = Fault::Kind::compact_watch, .verb = "watch", .probability = 0.2});
  server_.add_fault({.verb = "list", .probability = 0.2, .status = 500});
  const auto watches = watcher();
  for (int i = 0; i < 300; ++i) {
    put("c" + std::to_string(i % 37), std::to_string(i));
    if (i % 5 == 0) erase("c" + std::to_string((i * 7) % 37));
    if (i % 20 == 0) server_.drop_watches();
  }
  EXPECT_TRUE(seen_.comes_to(truth_));
}

// --- the Lease

struct Candidate {
  Candidate(KubeServer& server, const std::string& name, ElectionTimes times) {
    auto access = read_kubeconfig({{"/test/config", server.kubeconfig(server.admin_token())}}, "");
    Client::Means means = Client::usual();
    means.repeat.most = 1;
    Elector::Events events;
    events.leads = [this](std::int64_t the_term) { term = the_term; };
    events.lost = [this] { term = 0; };
    elector = std::make_unique<Elector>(*Client::open(std::move(*access), means),
                                        Elector::What{"default", "engine", name, times}, events);
  }
  std::atomic<std::int64_t> term{0};  // it leads in; 0: it does not
  std::unique_ptr<Elector> elector;
};

TEST_F(WatcherTest, OfTwoOneLeadsAndTheOtherTakesOverWhenItIsGivenBack) {
  const ElectionTimes times{2'000'000, 1'500'000, 100'000};
  Candidate a(server_, "a", times);
  ASSERT_TRUE(test::eventually([&] { return a.term == 1; }));
  Candidate b(server_, "b", times);
  a.elector.reset();
  ASSERT_TRUE(test::eventually([&] { return b.term == 2; }));
}

TEST_F(WatcherTest, WhoCannotRenewStopsBeforeTheNextOneBegins) {
  const ElectionTimes times{2'000'000, 1'000'000, 100'000};
  Candidate a(server_, "a", times);
  ASSERT_TRUE(test::eventually([&] { return a.term == 1; }));
  Candidate b(server_, "b", times);
  // The first one's answers do not come any more; the second's do.
  std::atomic<bool> both{false};
  server_.add_fault({.kind = Fault::Kind::slow,
                     .verb = "update",
                     .resource = "leases",
                     .times = 1,
                     .delay = seconds(10)});
  ASSERT_TRUE(test::eventually([&] {
    both = both || (a.term != 0 && b.term != 0);
    return b.term == 2;
  }));
  EXPECT_FALSE(both) << "never two at once";
  EXPECT_EQ(a.term, 0);
}

}  // namespace
}  // namespace scanflow::kube
