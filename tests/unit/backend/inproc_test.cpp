// Plugins on the engine's own threads.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "tests/unit/backend/harness.hpp"

namespace scanflow::backend {
namespace {

constexpr auto kInproc = Harness::Kind::inproc;

TEST(Inproc, RunsManyNoops) {
  Harness harness(kInproc);
  std::vector<RequestPtr> requests;
  for (int i = 0; i < 5000; ++i) {
    auto request = std::make_shared<protocol::Request>();
    request->id = {"run-1", std::to_string(i), 1};
    request->uses = "noop";
    request->config = "{}";
    requests.push_back(std::move(request));
  }
  harness.backend().launch(requests);
  for (const auto& request : requests) {
    ASSERT_EQ(harness.result(request->id).status, "succeeded");
    ASSERT_EQ(harness.ends(request->id), 1);
  }
}

TEST(Inproc, ALogKeepsTheLinesUpToItsLimit) {
  Harness harness(kInproc);
  auto request = harness.plugin("a", "test.echo", {{"text", "a"}, {"times", 4}});
  request.log_limit = 14;
  EXPECT_EQ(harness.log(harness.run(request)),
            "log: a\nlog: a\nscanflow: the log has reached its limit of 14 B; the rest is not "
            "kept\n");
}

TEST(Inproc, RunsAPluginInThisProcess) {
  Harness harness(kInproc);
  const auto result = harness.run(harness.plugin("a", "test.echo", {{"text", "hello"}}));
  ASSERT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(json::parse(result.outputs)["pid"], ::getpid());
  EXPECT_EQ(harness.log(result), "log: hello\n");
  const auto second = harness.run(harness.plugin("b", "test.echo", {{"text", "again"}}));
  EXPECT_EQ(harness.log(second), "log: again\n");
}

TEST(Inproc, AttemptsShareCheckpoints) {
  Harness harness(kInproc);
  auto request = harness.plugin("a", "test.count");
  request.checkpoints = (harness.state() / "checkpoints/run-1/a").string();
  EXPECT_EQ(harness.run(request).cause, "retryable");
  ++request.id.attempt;
  const auto second = harness.run(request);
  EXPECT_EQ(json::parse(second.outputs),
            (json{{"attempts", 2}, {"directory", request.checkpoints}}));
  EXPECT_EQ(harness.log(second),
            "an earlier attempt has left checkpoints: " + request.checkpoints + "\n");
  ++request.id.attempt;
  request.checkpoints.clear();
  EXPECT_EQ(harness.run(request).outputs, R"({"attempts":null})") << "none are kept";
}

TEST(Inproc, OffersTheHostsExtensions) {
  Harness harness(kInproc);
  harness.on_call = [](Backend& backend, const protocol::HostCall& call) {
    backend.reply({call.id, call.call, true, R"({"version":7})"});
  };
  const auto request = harness.plugin("a", "test.work");
  const auto result = harness.run(request);
  ASSERT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(harness.metrics(request.id).size(), 2u);
  ASSERT_EQ(result.artifacts.size(), 2u);
  EXPECT_EQ(test::read(result.artifacts[1].path), "weights");
  harness.backend().acknowledge(request.id);
  EXPECT_FALSE(std::filesystem::exists(result.artifacts[1].path));
}

TEST(Inproc, FailuresKeepTheirCause) {
  Harness harness(kInproc);
  const auto error = harness.run(harness.plugin("a", "test.end", {{"how", "throw"}}));
  EXPECT_EQ(error.cause, "error");
  EXPECT_EQ(error.message, "the data is bad");
  EXPECT_EQ(harness.run(harness.plugin("b", "test.end", {{"how", "retryable"}})).cause,
            "retryable");
  auto broken = harness.plugin("c", "test.echo");
  broken.library = harness.files().write("broken.so", "this is no library");
  EXPECT_EQ(harness.run(broken).cause, "config");
}

TEST(Inproc, RefusesCommands) {
  Harness harness(kInproc);
  const auto result = harness.run(harness.script("a", "true"));
  EXPECT_EQ(result.cause, "config");
  EXPECT_EQ(result.message, "the inproc backend runs plugins only; use --backend local");
}

TEST(Inproc, StopsWhatRunsAndWhatWaits) {
  Harness harness(kInproc);
  std::vector<protocol::Request> requests;
  for (const char* name : {"a", "b", "waits"}) {  // two slots
    requests.push_back(harness.plugin(name, "test.hang"));
    harness.launch(requests.back());
  }
  harness.started(requests[0].id);
  harness.started(requests[1].id);
  harness.backend().stop(requests[2].id, "cancelled");
  EXPECT_EQ(harness.result(requests[2].id).status, "cancelled");
  harness.backend().stop(requests[0].id, "timeout");
  const auto result = harness.result(requests[0].id);
  EXPECT_EQ(result.status, "cancelled");
  EXPECT_EQ(result.cause, "timeout");
  harness.backend().stop(requests[1].id, "cancelled");
  EXPECT_EQ(harness.result(requests[1].id).status, "cancelled");
}

TEST(Inproc, StopsWhatWaitsForTheEngine) {
  Harness harness(kInproc);
  std::atomic<bool> asked = false;
  harness.on_call = [&](Backend&, const protocol::HostCall&) { asked = true; };  // no answer
  const auto request = harness.plugin("a", "test.work");
  harness.launch(request);
  ASSERT_TRUE(harness.wait([&] { return asked.load(); }));
  harness.backend().stop(request.id, "timeout");
  const auto result = harness.result(request.id);
  EXPECT_EQ(result.status, "failed");
  EXPECT_NE(harness.log(result).find("cancelled before the engine answered"), std::string::npos)
      << harness.log(result);
}

}  // namespace
}  // namespace scanflow::backend
