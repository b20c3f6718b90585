// Commands through the local backend, the supervisor and real processes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/backend/harness.hpp"

namespace scanflow::backend {
namespace {

TEST(LocalCommand, RunsAProgramAndKeepsItsOutput) {
  Harness harness;
  const auto result = harness.run(harness.command("a", {{"argv", {"echo", "hello", 7}}}));
  EXPECT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(harness.log(result), "hello 7\n");
  EXPECT_GT(result.ended_us, result.started_us);
  EXPECT_GT(result.max_rss, 0u);
}

TEST(LocalCommand, HandsOverParametersInputsAndIdentity) {
  Harness harness;
  auto request =
      harness.command("train[model=cnn1]", {{"run",
                                             "echo $SCANFLOW_PARAM_LEARNING_RATE "
                                             "$SCANFLOW_PARAM_NAME $SCANFLOW_PARAM_LIST\n"
                                             "cat $SCANFLOW_PARAMS; echo\n"
                                             "echo $SCANFLOW_INPUT_TRAIN_DATA\n"
                                             "echo $SCANFLOW_RUN $SCANFLOW_STEP "
                                             "$SCANFLOW_ATTEMPT $EXTRA $OMP_NUM_THREADS"},
                                            {"learning-rate", 0.5},
                                            {"name", "a b"},
                                            {"list", {1, 2}}});
  request.inputs.push_back({"train-data", "/data/train", "", 0, true});
  request.env["EXTRA"] = "extra";
  request.threads = 3;
  const auto result = harness.run(request);
  EXPECT_EQ(harness.log(result),
            "0.5 a b [1,2]\n"
            R"({"learning-rate":0.5,"list":[1,2],"name":"a b"})"
            "\n/data/train\nrun-1 train[model=cnn1] 1 extra 3\n")
      << result.message;
}

TEST(LocalCommand, ReadsOutputsMetricsAndArtifacts) {
  Harness harness;
  const auto request = harness.script("a", R"(
echo accuracy=0.97 >> $SCANFLOW_OUTPUT
echo name=cnn1 >> $SCANFLOW_OUTPUT
printf 'text<<END\none\ntwo\nEND\n' >> $SCANFLOW_OUTPUT
echo 'loss 0.5 step=3 split=train' >> $SCANFLOW_METRICS
echo 'what is this' >> $SCANFLOW_METRICS
echo weights > $SCANFLOW_ARTIFACTS/model
mkdir $SCANFLOW_ARTIFACTS/data && echo x > $SCANFLOW_ARTIFACTS/data/x
)");
  const auto result = harness.run(request);
  EXPECT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(json::parse(result.outputs),
            (json{{"accuracy", 0.97}, {"name", "cnn1"}, {"text", "one\ntwo"}}));
  const auto metrics = harness.metrics(request.id);
  ASSERT_EQ(metrics.size(), 1u);
  EXPECT_EQ(metrics[0].name, "loss");
  EXPECT_EQ(metrics[0].value, 0.5);
  EXPECT_EQ(metrics[0].step, 3);
  EXPECT_EQ(metrics[0].labels.at("split"), "train");
  EXPECT_NE(harness.log(result).find("'what is this' has a value that is no number"),
            std::string::npos)
      << harness.log(result);
  ASSERT_EQ(result.artifacts.size(), 2u);
  EXPECT_EQ(result.artifacts[0].name, "data");
  EXPECT_TRUE(result.artifacts[0].directory);
  EXPECT_EQ(test::read(result.artifacts[0].path + "/x"), "x\n");
  EXPECT_EQ(test::read(result.artifacts[1].path), "weights\n");

  harness.backend().acknowledge(request.id);
  EXPECT_TRUE(test::eventually([&] { return !std::filesystem::exists(result.artifacts[1].path); }))
      << "the artifacts of an acknowledged result stay";
}

TEST(LocalCommand, SendsMetricsWhileItRuns) {
  Harness harness;
  const auto gate = (harness.files() / "gate").string();
  const auto request = harness.script(
      "a", "echo 'loss 1' >> $SCANFLOW_METRICS\nuntil [ -e " + gate + " ]; do sleep 0.02; done");
  harness.launch(request);
  EXPECT_TRUE(test::eventually([&] { return harness.metrics(request.id).size() == 1; }));
  EXPECT_EQ(harness.ends(request.id), 0);
  harness.files().write("gate", "");
  EXPECT_EQ(harness.result(request.id).status, "succeeded");
  EXPECT_EQ(harness.metrics(request.id).size(), 1u);
}

TEST(LocalCommand, AttemptsInOneSlotHaveEachTheirRangeOfTheLog) {
  Harness harness;
  const auto first = harness.run(harness.script("a", "echo first; echo first again >&2"));
  const auto second = harness.run(harness.script("b", "echo second"));
  EXPECT_EQ(first.log.segment, second.log.segment);
  EXPECT_EQ(harness.log(first), "first\nfirst again\n");
  EXPECT_EQ(harness.log(second), "second\n");
}

TEST(LocalCommand, NothingOfAnAttemptReachesTheNextInItsSlot) {
  Harness harness;
  const auto first = harness.run(harness.script(
      "a", "echo a=1 > $SCANFLOW_OUTPUT; echo x > $SCANFLOW_ARTIFACTS/x; touch left; exit 1"));
  EXPECT_TRUE(first.artifacts.empty());
  EXPECT_EQ(first.outputs, "{}");
  const auto second = harness.run(harness.script("b", "ls; ls $SCANFLOW_ARTIFACTS"));
  EXPECT_EQ(harness.log(second), "");
  EXPECT_EQ(second.outputs, "{}");
  EXPECT_TRUE(second.artifacts.empty());
}

struct Bad {
  const char* name;
  json with;
  const char* cause;
  const char* message;
};

class BadCommand : public testing::TestWithParam<Bad> {};

TEST_P(BadCommand, FailsWithWhatIsWrong) {
  Harness harness;
  const auto result = harness.run(harness.command("a", GetParam().with));
  EXPECT_EQ(result.status, "failed");
  EXPECT_EQ(result.cause, GetParam().cause);
  EXPECT_NE(result.message.find(GetParam().message), std::string::npos) << result.message;
}

INSTANTIATE_TEST_SUITE_P(
    LocalCommand, BadCommand,
    testing::Values(
        Bad{"NotFound",
            {{"argv", {"no-such-program"}}},
            "config",
            "program 'no-such-program' is not on the PATH"},
        Bad{"NotExecutable",
            {{"argv", {"/etc/passwd"}}},
            "config",
            "/etc/passwd is not an executable file"},
        Bad{"NoFile", {{"argv", {"/no/such"}}}, "config", "cannot find /no/such"},
        Bad{"NoCwd",
            {{"argv", {"true"}}, {"cwd", "/no/such"}},
            "config",
            "cannot enter the working directory /no/such"},
        Bad{"Neither", json::object(), "config", "either 'argv' (a list) or 'run'"},
        Bad{"Both", {{"argv", {"true"}}, {"run", "true"}}, "config", "either 'argv'"},
        Bad{"Exit",
            {{"run", "echo goodbye; exit 3"}},
            "exit",
            "exited with status 3; last line: goodbye"},
        Bad{"FirstFailureCounts", {{"run", "false\ntrue"}}, "exit", "exited with status 1"},
        Bad{"OutputLine",
            {{"run", "echo a=1 >> $SCANFLOW_OUTPUT; echo b >> $SCANFLOW_OUTPUT"}},
            "error",
            "$SCANFLOW_OUTPUT, line 2: 'b' is neither key=value nor key<<END"},
        Bad{"OutputBlock",
            {{"run", "printf 'a<<X\\nb\\n' >> $SCANFLOW_OUTPUT"}},
            "error",
            "line 1: 'a<<X' begins a block that no line 'X' ends"},
        Bad{"OutputTooLarge",
            {{"run", "(echo -n a=; head -c 1100000 /dev/zero | tr '\\0' x) > $SCANFLOW_OUTPUT"}},
            "error",
            "outputs may have at most 1048576"},
        Bad{"ArtifactLink",
            {{"run", "ln -s /etc/passwd $SCANFLOW_ARTIFACTS/x"}},
            "error",
            "artifact 'x' is a symbolic link"},
        Bad{"Segv", {{"run", "kill -SEGV $$"}}, "crash", "killed by SIGSEGV"},
        Bad{"Kill",
            {{"run", "echo now; kill -9 $$"}},
            "crash",
            "killed by SIGKILL (not by Scanflow"}),
    [](const auto& bad) { return bad.param.name; });

TEST(LocalCommand, RunsAScriptThatIsTooLongForAnArgument) {
  Harness harness;
  std::string script;
  while (script.size() < 200'000) script += "# one more line of this very long script\n";
  const auto result = harness.run(harness.script("a", script + "echo done"));
  EXPECT_EQ(harness.log(result), "done\n") << result.message;
}

TEST(LocalCommand, ANoopNeedsNoSupervisor) {
  Harness harness;
  auto request = harness.command("a", {{"answer", 42}});
  request.uses = "noop";
  const auto result = harness.run(request);
  EXPECT_EQ(result.status, "succeeded") << result.message;
  EXPECT_EQ(json::parse(result.outputs), (json{{"answer", 42}}));
  EXPECT_EQ(harness.supervisor(), 0);
}

TEST(LocalCommand, ManyQuickAttemptsLeakNoDescriptor) {
  Harness harness;
  const auto descriptors = [&](pid_t pid) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
      ++count;
    }
    return count;
  };
  const auto batch = [&](const std::string& name, int count) {
    std::vector<RequestPtr> requests;
    for (int i = 0; i < count; ++i) {
      requests.push_back(std::make_shared<protocol::Request>(
          harness.command(name + std::to_string(i), {{"argv", {"true"}}})));
    }
    harness.backend().launch(requests);
    for (const auto& request : requests) {
      EXPECT_EQ(harness.result(request->id).status, "succeeded");
      harness.backend().acknowledge(request->id);
    }
  };
  batch("first", 60);
  const pid_t supervisor = harness.supervisor();
  const std::size_t before = descriptors(supervisor);
  for (int i = 0; i < 10; ++i) batch("more" + std::to_string(i) + "-", 20);
  // A pipe for each of those that ran at once may be kept for others.
  EXPECT_LE(descriptors(supervisor), before + 2 * 20);
}

}  // namespace
}  // namespace scanflow::backend
