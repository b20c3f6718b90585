// Thousands of Pods, and several who watch them.
#include <gmock/gmock.h>

#include <thread>

#include "tests/support/kube/kubelet.hpp"
#include "tests/unit/kube_server/fixture.hpp"

namespace scanflow::test::kube {
namespace {

constexpr int kMany = 5000, kWatchers = 3;

class ManyPodsTest : public KubeTest {
 protected:
  /// Reads until each Pod has succeeded.
  int succeeded(Exchange& watch) {
    int seen = 0;
    while (seen < kMany) {
      const auto line = watch.line();
      if (!line) break;
      if (line->find("\"phase\":\"Succeeded\"") != std::string::npos) ++seen;
    }
    return seen;
  }
};

TEST_F(ManyPodsTest, EachWatcherIsToldOfAll) {
  ServerOptions options = without_bookmarks();
  options.cluster.history = 1000;  // those who watch are told, and all versions would fill memory
  KubeServer server(options);
  const Client client(server, server.admin_token());
  Kubelet kubelet(server);
  PodScript ends;
  ends.exits = {{"main", 0}};
  kubelet.script(ends);
  const std::string first = client.ask("GET", kPods).body()["metadata"]["resourceVersion"];
  const std::string target = kPods + "?watch=1&resourceVersion=" + first;
  std::vector<std::thread> watchers;
  std::vector<int> seen(kWatchers, 0);
  for (int i = 0; i < kWatchers; ++i) {
    auto watch = client.watch(target);
    watchers.emplace_back([this, &seen, i, watch = std::move(watch)] {
      seen[static_cast<std::size_t>(i)] = succeeded(*watch);
    });
  }
  for (int i = 0; i < kMany; ++i) server.create(pod_of("p-" + std::to_string(i)));
  for (std::thread& watcher : watchers) watcher.join();
  EXPECT_THAT(seen, testing::Each(kMany));
  const json page = client.ask("GET", kPods + "?limit=500").body();
  EXPECT_EQ(page["items"].size(), 500u);
  EXPECT_EQ(page["metadata"]["remainingItemCount"], kMany - 500);
  EXPECT_EQ(server.counters().most_watches, kWatchers);
}

}  // namespace
}  // namespace scanflow::test::kube
