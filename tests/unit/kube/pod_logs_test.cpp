// Logs through an API server whose kubelet's connections break.
#include "engine/kube/pod_logs.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <future>
#include <mutex>

#include "tests/support/kube/kubelet.hpp"
#include "tests/support/program.hpp"

namespace scanflow::kube {
namespace {

using test::eventually;
using test::kube::Fault;
using testing::ElementsAre;
using testing::IsEmpty;
/// 2026-07-01T03:00:00Z.
constexpr std::int64_t kLogBegin = 1'782'874'800'000'000;

class PodLogsTest : public testing::Test {
 protected:
  PodLogsTest() : client_(client_of(server_.admin_token())) {}
  ~PodLogsTest() override { stop_.request_stop(); }

  std::shared_ptr<Client> client_of(const std::string& token) {
    auto access = read_kubeconfig({{"/test/config", server_.kubeconfig(token)}}, "");
    Client::Means means = Client::usual();
    means.rate = {.per_s = 10'000, .burst = 10'000};
    means.repeat.first_us = 1'000;
    means.repeat.longest_us = 5'000;
    return *Client::open(std::move(*access), means);
  }
  void pod(const std::string& restart = "Never") {
    server_.create(
        {{"apiVersion", "v1"},
         {"kind", "Pod"},
         {"metadata", {{"name", "p"}}},
         {"spec",
          {{"restartPolicy", restart},
           {"containers", json::array({{{"name", "main"}, {"image", "localhost/a:1"}}})}}}});
  }
  void write(const std::string& text, std::int64_t at_us) {
    kubelet_.write_log("p", "main", text, kLogBegin + at_us);
  }
  void tear(const std::string& line, std::int64_t at_us, bool hangs) {
    kubelet_.tear_log("p", "main", line, kLogBegin + at_us, hangs);
  }
  LogLines::Take take() {
    return [this](const LogLine& line) {
      const std::scoped_lock lock(mutex_);
      got_.emplace_back(line.text);
    };
  }
  Answer<void> read(const LogOptions& options) {
    return read_log(*client_, "default", "p", options, take(), stop_.get_token());
  }
  std::future<Answer<void>> follow(LogOptions options = {.container = "main"}) {
    options.follow = true;
    return std::async(std::launch::async, [this, options] { return read(options); });
  }
  std::vector<std::string> got() {
    const std::scoped_lock lock(mutex_);
    return got_;
  }
  bool comes_to(std::size_t lines) {
    const bool came = eventually([&] { return got().size() >= lines; });
    if (!came) stop_.request_stop();  // or whoever follows would be waited for
    return came;
  }
  test::kube::KubeServer server_;
  test::kube::Kubelet kubelet_{server_};
  std::shared_ptr<Client> client_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::vector<std::string> got_;
};

TEST_F(PodLogsTest, IsReadWithoutItsTimes) {
  pod();
  write("one\ntwo\n", 0);
  write("three\n", 3'000'000);
  ASSERT_TRUE(read({.container = "main"}));
  EXPECT_THAT(got(), ElementsAre("one", "two", "three"));
}

TEST_F(PodLogsTest, MayBeReadInPart) {
  pod();
  write("one\ntwo\n", 0);
  write("three\n", 3'000'000);
  ASSERT_TRUE(read({.container = "main", .tail_lines = 2}));
  EXPECT_THAT(got(), ElementsAre("two", "three"));
}

TEST_F(PodLogsTest, IsFollowedUntilTheContainerEnds) {
  pod();
  write("one\n", 0);
  auto reading = follow();
  ASSERT_TRUE(comes_to(1));
  write("two\n", 1);
  ASSERT_TRUE(comes_to(2));
  write("no line break", 2);
  kubelet_.exit("p", "main", 0);
  ASSERT_TRUE(reading.get());
  EXPECT_THAT(got(), ElementsAre("one", "two", "no line break"));
}

TEST_F(PodLogsTest, ABrokenConnectionNeitherRepeatsNorLosesALine) {
  pod();
  auto reading = follow({.container = "main", .silence = std::chrono::milliseconds(100)});
  std::vector<std::string> all;
  for (int i = 0; i < 12; ++i) {
    // Three of each microsecond, and the second changes now and then.
    const std::int64_t at_us = (i / 3) * 400'000 + 7;
    all.push_back(fmt::format("line {}", i));
    if (i % 4 == 3) {
      tear(all.back() + "\n", at_us, i % 8 == 3);
    } else {
      write(all.back() + "\n", at_us);
    }
    ASSERT_TRUE(comes_to(all.size())) << i;
  }
  kubelet_.exit("p", "main", 0);
  ASSERT_TRUE(reading.get());
  EXPECT_EQ(got(), all);
}

TEST_F(PodLogsTest, FaultsThatPassAreOutlasted) {
  pod();
  write("one\n", 0);
  server_.add_fault({.verb = "get", .resource = "pods", .name = "p", .times = 2, .status = 503});
  server_.add_fault(
      {.kind = Fault::Kind::close_before, .verb = "get", .resource = "pods", .times = 2});
  auto reading = follow();
  ASSERT_TRUE(comes_to(1));
  kubelet_.exit("p", "main", 0);
  ASSERT_TRUE(reading.get());
  server_.add_fault({.verb = "get", .resource = "pods", .status = 503});
  EXPECT_EQ(read({.container = "main"}).error().code, 503) << "in the end it is given up";
}

TEST_F(PodLogsTest, AConnectionThatIsSilentForTooLongIsMadeAnew) {
  pod();
  write("one\n", 0);
  auto reading = follow({.container = "main", .silence = std::chrono::milliseconds(50)});
  ASSERT_TRUE(comes_to(1));
  const std::size_t asked = server_.counters().count("get", "pods");
  ASSERT_TRUE(eventually([&] { return server_.counters().count("get", "pods") > asked + 4; }));
  write("two\n", 0);
  ASSERT_TRUE(comes_to(2));
  kubelet_.exit("p", "main", 0);
  ASSERT_TRUE(reading.get());
  EXPECT_THAT(got(), ElementsAre("one", "two"));
}

TEST_F(PodLogsTest, OneThatIsStartedAgainHasEnded) {
  pod("Always");
  write("one\n", 0);
  auto reading = follow();
  ASSERT_TRUE(comes_to(1));
  kubelet_.exit("p", "main", 1);
  ASSERT_TRUE(reading.get());
  write("of the next\n", 5'000'000);
  EXPECT_THAT(got(), ElementsAre("one"));
}

TEST_F(PodLogsTest, EndsWhenItIsStopped) {
  pod();
  auto reading = follow();
  write("one\n", 0);
  ASSERT_TRUE(comes_to(1));
  stop_.request_stop();
  EXPECT_TRUE(reading.get().error().stopped());
}

TEST_F(PodLogsTest, WhatIsNotThereOrNotAllowedIsAFailure) {
  EXPECT_EQ(read({.container = "main"}).error().code, 404);
  EXPECT_EQ(read({.container = "main", .follow = true}).error().code, 404);
  pod();
  EXPECT_EQ(read({.container = "none"}).error().code, 400);
  client_ = client_of(server_.add_user("stranger"));
  EXPECT_EQ(read({.container = "main"}).error().code, 403);
  EXPECT_THAT(got(), IsEmpty());
}

TEST_F(PodLogsTest, LastWordsAreTheEndOfIt) {
  pod();
  const auto words = [this] {
    return last_words_of(*client_, "default", "p", "main", std::chrono::seconds(20));
  };
  EXPECT_EQ(words(), "");
  std::string all;
  for (int i = 0; i < 30; ++i) all += fmt::format("line {}\n", i);
  write(all, 0);
  EXPECT_EQ(words(), all.substr(all.find("line 10"), all.size() - all.find("line 10") - 1));
  write(std::string(9'000, 'x') + "ä\n", 0);
  EXPECT_EQ(words(), std::string(4'094, 'x') + "ä");
}

}  // namespace
}  // namespace scanflow::kube
