// The process that a warm parent keeps ready for the next attempt.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "tests/unit/backend/harness.hpp"

namespace scanflow::backend {
namespace {

class Spare : public testing::Test {
 protected:
  /// The one warm parent; 0: none.
  pid_t warm() const {
    for (const pid_t pid : children_of(harness_.supervisor())) {
      const std::string command = test::read("/proc/" + std::to_string(pid) + "/cmdline");
      if (command.find("--library") != std::string::npos) return pid;
    }
    return 0;
  }

  /// The only child of the warm parent, once it is the only one; not `old`.
  pid_t spare(pid_t old = 0) const {
    std::vector<pid_t> children;
    EXPECT_TRUE(test::eventually([&] {
      children = children_of(warm());
      return children.size() == 1 && children[0] != old;
    }));
    return children.empty() ? 0 : children[0];
  }

  static bool ends(pid_t pid) {
    return test::eventually([&] { return !alive(pid); });
  }

  /// The process that ran the step; it is gone.
  pid_t run(const std::string& step) {
    const auto request = harness_.plugin(step, "test.echo");
    const auto result = harness_.run(request);
    EXPECT_EQ(result.status, "succeeded") << result.message;
    const pid_t pid = harness_.started(request.id);
    EXPECT_TRUE(ends(pid));
    return pid;
  }

  Harness harness_;
};

TEST_F(Spare, IsTakenByTheNextAttemptAndFollowedByAnother) {
  run("a");
  const pid_t first = spare();
  EXPECT_EQ(run("b"), first);
  const pid_t second = spare(first);
  EXPECT_EQ(run("c"), second);
}

TEST_F(Spare, ThereIsOneHoweverManyRun) {
  std::vector<protocol::Request> requests;
  for (const char* step : {"a", "b", "c", "d"}) {
    requests.push_back(harness_.plugin(step, "test.hang"));
    harness_.launch(requests.back());
  }
  for (const auto& request : requests) harness_.started(request.id);
  EXPECT_TRUE(test::eventually([&] { return children_of(warm()).size() == 5; }));
  for (const auto& request : requests) {
    harness_.backend().stop(request.id, "cancelled");
    harness_.result(request.id);
    EXPECT_TRUE(ends(harness_.started(request.id)));
  }
  EXPECT_NE(spare(), 0);
}

TEST_F(Spare, KnowsNothingOfTheAttemptsBefore) {
  auto request = harness_.plugin("a", "test.echo");
  request.env["EXTRA"] = "of a";
  EXPECT_EQ(json::parse(harness_.run(request).outputs)["extra"], "of a");
  EXPECT_TRUE(ends(harness_.started(request.id)));
  const pid_t waiting = spare();
  const auto next = harness_.plugin("b", "test.echo");
  EXPECT_EQ(json::parse(harness_.run(next).outputs)["extra"], "");
  EXPECT_EQ(harness_.started(next.id), waiting);
}

TEST_F(Spare, OneThatWasKilledIsNotMissed) {
  run("a");
  const pid_t first = spare();
  send_signal(first, SIGKILL);
  EXPECT_TRUE(ends(first));
  EXPECT_TRUE(test::eventually([&] { return children_of(warm()).empty(); }));
  EXPECT_NE(run("b"), first);
  EXPECT_NE(spare(), first);
}

TEST_F(Spare, EndsWithItsWarmParent) {
  run("a");
  const pid_t waiting = spare();
  send_signal(warm(), SIGKILL);
  EXPECT_TRUE(ends(waiting));
  run("b");
}

TEST_F(Spare, EndsWhenTheEngineIsGoneAndNothingRuns) {
  const auto gate = (harness_.files() / "gate").string();
  const auto request = harness_.plugin("a", "test.hang", {{"file", gate}});
  harness_.launch(request);
  harness_.started(request.id);
  EXPECT_TRUE(test::eventually([&] { return children_of(warm()).size() == 2; }));
  const pid_t parent = warm();
  harness_.forget_backend();
  harness_.files().write("gate", "");
  EXPECT_TRUE(test::eventually([&] { return children_of(parent).empty(); }));
  EXPECT_TRUE(alive(parent));
  // The supervisor is still there with a result that nobody has taken.
  harness_.make_backend();
  harness_.launch(request);
  EXPECT_EQ(harness_.result(request.id).status, "succeeded");
  run("b");
  EXPECT_EQ(warm(), parent);
  EXPECT_NE(spare(), 0);
}

TEST_F(Spare, EndsWithTheSupervisor) {
  run("a");
  const pid_t waiting = spare();
  send_signal(harness_.supervisor(), SIGKILL);
  EXPECT_TRUE(ends(waiting));
}

TEST_F(Spare, IsLeftAloneByTheSearchForOrphans) {
  run("a");
  const pid_t waiting = spare();
  harness_.run(harness_.script(
      "b", "setsid sleep 1000 & echo $! > " + (harness_.files() / "daemon").string()));
  const pid_t daemon = std::atoi(test::read(harness_.files() / "daemon").c_str());
  EXPECT_TRUE(ends(daemon));
  EXPECT_TRUE(alive(waiting));
  EXPECT_EQ(run("c"), waiting);
}

}  // namespace
}  // namespace scanflow::backend
