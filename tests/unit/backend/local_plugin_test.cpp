// Plugins through the local backend: warm parent, forked attempt, host extensions, crashes.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/unit/backend/harness.hpp"

namespace scanflow::backend {
namespace {

TEST(LocalPlugin, RunsWithWhatTheRequestSays) {
  Harness harness;
  auto request = harness.plugin("a", "test.echo", {{"text", "hello"}});
  request.inputs.push_back({"dataset", "/data", std::string(64, '0'), 0, true});
  request.env["EXTRA"] = "more";
  request.threads = 2;
  const auto result = harness.run(request);
  ASSERT_EQ(result.status, "succeeded") << result.message;
  const json outputs = json::parse(result.outputs);
  EXPECT_EQ(outputs["text"], "hello");
  EXPECT_EQ(outputs["run"], "run-1");
  EXPECT_EQ(outputs["step"], "a");
  EXPECT_EQ(outputs["threads"], 2);
  EXPECT_EQ(outputs["dataset"], "/data");
  EXPECT_EQ(outputs["extra"], "more");
  EXPECT_EQ(outputs["omp"], "2");
  EXPECT_EQ(outputs["pid"], harness.started(request.id));
  EXPECT_EQ(harness.log(result), "log: hello\nout: hello\nerr: hello\n");
}

TEST(LocalPlugin, AttemptsAreForksOfOneWarmParent) {
  Harness harness;
  const auto first = harness.plugin("a", "test.hang");
  const auto second = harness.plugin("b", "test.hang");
  harness.launch(first);
  harness.launch(second);
  const pid_t one = harness.started(first.id);
  const pid_t two = harness.started(second.id);
  EXPECT_NE(one, two);
  EXPECT_EQ(parent_of(one), parent_of(two));
  for (const auto& request : {first, second}) {
    harness.backend().stop(request.id, "cancelled");
    EXPECT_EQ(harness.result(request.id).status, "cancelled");
  }
}

TEST(LocalPlugin, UsesTheHostsExtensions) {
  Harness harness;
  harness.on_call = [](Backend& backend, const protocol::HostCall& call) {
    protocol::HostReply reply{call.id, call.call, true, R"({"run":"run-1"})"};
    if (call.method == "models.register") {
      EXPECT_EQ(json::parse(call.arguments)["name"], "m");
      reply.value = R"({"name":"m","version":7,"sha256":""})";
    }
    backend.reply(reply);
  };
  const auto request = harness.plugin("a", "test.work");
  const auto result = harness.run(request);
  ASSERT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(json::parse(result.outputs), (json{{"state", {{"run", "run-1"}}}, {"version", 7}}));
  const auto metrics = harness.metrics(request.id);
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_EQ(metrics[0].name, "loss");
  EXPECT_EQ(metrics[0].step, 3);
  EXPECT_TRUE(metrics[0].logged);
  EXPECT_FALSE(metrics[1].logged);
  ASSERT_EQ(result.artifacts.size(), 2u);
  EXPECT_EQ(result.artifacts[0].name, "data");
  EXPECT_TRUE(result.artifacts[0].directory);
  EXPECT_EQ(test::read(result.artifacts[1].path), "weights");
}

TEST(LocalPlugin, AttemptsShareCheckpointsOfTheUsersAlone) {
  Harness harness;
  auto request = harness.plugin("a", "test.count");
  request.checkpoints = (harness.state() / "checkpoints/run-1/a").string();
  EXPECT_EQ(harness.run(request).cause, "retryable");
  EXPECT_EQ(std::filesystem::status(request.checkpoints).permissions(),
            std::filesystem::perms::owner_all);
  ++request.id.attempt;
  const auto second = harness.run(request);
  EXPECT_EQ(json::parse(second.outputs)["attempts"], 2) << second.message;
  EXPECT_NE(harness.log(second).find("an earlier attempt has left checkpoints"), std::string::npos);
}

TEST(LocalPlugin, NoPlaceForCheckpointsFailsTheStepWithTheReason) {
  Harness harness;
  harness.files().write("in-the-way", "");
  auto request = harness.plugin("a", "test.count");
  request.checkpoints = (harness.files() / "in-the-way/a").string();
  const auto result = harness.run(request);
  EXPECT_EQ(result.cause, "error");
  EXPECT_NE(harness.log(result).find("cannot create the directory of checkpoints"),
            std::string::npos)
      << harness.log(result);
}

TEST(LocalPlugin, ARefusedCallFailsTheStepWithTheReason) {
  Harness harness;
  harness.on_call = [](Backend& backend, const protocol::HostCall& call) {
    backend.reply({call.id, call.call, false, "no such input 'model'"});
  };
  const auto result = harness.run(harness.plugin("a", "test.work"));
  EXPECT_EQ(result.cause, "error");
  EXPECT_NE(harness.log(result).find("no such input 'model'"), std::string::npos)
      << harness.log(result);
  EXPECT_TRUE(result.artifacts.empty());
}

struct BadEnd {
  const char* name;
  const char* uses;
  json with;
  const char* cause;
  const char* message;
};
class BadPlugin : public testing::TestWithParam<BadEnd> {};

TEST_P(BadPlugin, FailsWithTheTrueCause) {
  Harness harness;
  harness.on_call = [](Backend& backend, const protocol::HostCall& call) {
    backend.reply({call.id, call.call, true, R"({"version":1})"});
  };
  const auto result = harness.run(harness.plugin("a", GetParam().uses, GetParam().with));
  EXPECT_EQ(result.status, "failed");
  EXPECT_EQ(result.cause, GetParam().cause);
  EXPECT_NE(result.message.find(GetParam().message), std::string::npos) << result.message;
  EXPECT_EQ(harness.run(harness.plugin("next", "test.echo")).status, "succeeded");
}

INSTANTIATE_TEST_SUITE_P(
    LocalPlugin, BadPlugin,
    testing::Values(
        BadEnd{"Throws", "test.end", {{"how", "throw"}}, "error", "the data is bad"},
        BadEnd{"Retryable", "test.end", {{"how", "retryable"}}, "retryable", "the network is down"},
        BadEnd{"Unknown", "test.end", {{"how", "unknown"}}, "error", "something else"},
        BadEnd{"Segv",
               "test.end",
               {{"how", "segv"}},
               "crash",
               "killed by SIGSEGV (Segmentation fault); last line: about to end by segv"},
        BadEnd{"Abort", "test.end", {{"how", "abort"}}, "crash", "killed by SIGABRT"},
        BadEnd{"Kill", "test.end", {{"how", "kill"}}, "crash", "killed by SIGKILL"},
        BadEnd{"Exit",
               "test.end",
               {{"how", "exit"}},
               "exit",
               "ended its process with status 0 instead of returning from run"},
        BadEnd{"NoArtifact",
               "test.work",
               {{"forget", true}},
               "error",
               "announced the artifact 'model' as a file, but did not write it"},
        BadEnd{
            "DeepOutput", "test.work", {{"nested", 200}}, "error", "nested deeper than 100 levels"},
        BadEnd{"LargeOutput", "test.work", {{"output", 2'000'000}}, "error", "1 MiB"}),
    [](const auto& bad) { return bad.param.name; });

TEST(LocalPlugin, ALibraryThatDoesNotLoadIsAConfigurationError) {
  Harness harness;
  auto request = harness.plugin("a", "test.echo");
  request.library = harness.files().write("broken.so", "this is no library");
  const auto result = harness.run(request);
  EXPECT_EQ(result.cause, "config");
  EXPECT_NE(result.message.find("broken.so"), std::string::npos) << result.message;
}

TEST(LocalPlugin, StopKillsADeafOne) {
  Harness harness;
  const auto request = harness.plugin("a", "test.hang", {{"deaf", true}});
  harness.launch(request);
  const pid_t pid = harness.started(request.id);
  harness.backend().stop(request.id, "timeout");
  const auto result = harness.result(request.id);
  EXPECT_EQ(result.status, "cancelled");
  EXPECT_EQ(result.cause, "timeout");
  EXPECT_TRUE(test::eventually([&] { return !alive(pid); }));  // its end comes after its result
}

TEST(LocalPlugin, StopReachesOneWhoseHostIsNotReadyYet) {
  Harness harness;
  const auto request = harness.plugin("a", "test.hang");
  harness.launch(request);
  harness.backend().stop(request.id, "cancelled");
  EXPECT_EQ(harness.result(request.id).status, "cancelled");
}

TEST(LocalPlugin, TheWarmParentsDeathTakesNoAttemptAlong) {
  Harness harness;
  const auto gate = (harness.files() / "gate").string();
  const auto request = harness.plugin("a", "test.hang", {{"file", gate}});
  harness.launch(request);
  const pid_t pid = harness.started(request.id);
  const pid_t warm = parent_of(pid);
  send_signal(warm, SIGKILL);
  EXPECT_TRUE(test::eventually([&] { return !alive(warm); }));
  const auto next = harness.run(harness.plugin("b", "test.echo"));  // by a new warm parent
  EXPECT_EQ(next.status, "succeeded") << next.message;
  harness.files().write("gate", "");
  EXPECT_EQ(harness.result(request.id).status, "succeeded");
}

TEST(LocalPlugin, AnOrphanOfADeadWarmParentThatCrashesIsReported) {
  Harness harness;
  const auto request = harness.plugin("a", "test.hang");
  harness.launch(request);
  const pid_t pid = harness.started(request.id);
  const pid_t warm = parent_of(pid);
  send_signal(warm, SIGKILL);
  EXPECT_TRUE(test::eventually([&] { return parent_of(pid) == harness.supervisor(); }));
  send_signal(pid, SIGKILL);
  EXPECT_EQ(harness.result(request.id).cause, "crash");
}

}  // namespace
}  // namespace scanflow::backend
