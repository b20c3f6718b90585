// scanflow-exec: any program, beside the real sidecar or alone.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sdk/base/unix_socket.hpp"
#include "tests/unit/sidecar/hubs.hpp"

namespace scanflow {
namespace {

using nlohmann::json;
using test::kBin;
using testing::HasSubstr;

class ExecTest : public testing::Test {
 protected:
  std::string sidecar_socket() const { return (files_ / "sidecar.sock").string(); }
  void start_sidecar(test::Program::Environment more = {}) {
    more.merge(test::Program::Environment{{"SCANFLOW_HUB", hubs_.endpoint()},
                                          {"SCANFLOW_POD_UID", "pod-1"},
                                          {"SCANFLOW_SIDECAR_DIR", (files_ / "sidecar").string()},
                                          {"SCANFLOW_SIDECAR_SOCKET", sidecar_socket()}});
    sidecar_ =
        std::make_unique<test::Program>(std::vector<std::string>{kBin + "scanflow-sidecar"}, more);
  }
  std::unique_ptr<test::Program> run(std::vector<std::string> argv,
                                     test::Program::Environment more = {}) const {
    argv.insert(argv.begin(), {kBin + "scanflow-exec", "--"});
    more.merge(test::Program::Environment{
        {"SCANFLOW_SIDECAR_SOCKET", sidecar_socket()},
        {"SCANFLOW_RUN", "run"},
        {"SCANFLOW_STEP", "step"},
        {"PYTHONPATH", std::string(SCANFLOW_SOURCE_DIR) + "/sdk/python"},
        {"SCANFLOW_STEERING", R"({"hooks": {"greet": ["sh", "-c", "echo hook in $FILES"]}})"},
        {"FILES", files_.path().string()}});
    return std::make_unique<test::Program>(argv, more);
  }
  bool announced() {
    return hubs_.sees([](test::Hubs& hubs) { return !hubs.started.empty(); });
  }

  test::TempDir files_;
  test::Hubs hubs_{(files_ / "hub").string(), "pod-1"};
  std::unique_ptr<test::Program> sidecar_;
};

TEST_F(ExecTest, EndsAsItsProgramEnds) {
  EXPECT_EQ(run({"sh", "-c", "exit 7"})->wait().exit, 7);
  EXPECT_EQ(run({"sh", "-c", "kill -9 $$"})->wait().exit, 128 + SIGKILL);
  EXPECT_EQ(run({"true"})->wait().exit, 0);
  const auto missing = run({"no-such-program"})->wait();
  EXPECT_EQ(missing.exit, 127);
  EXPECT_THAT(missing.err, HasSubstr("no-such-program"));
}

TEST_F(ExecTest, ForwardsSignals) {
  const auto program = run({"sh", "-c",
                            "trap 'echo got it; exit 5' TERM; echo ready; "
                            "while :; do sleep 0.05; done"});
  ASSERT_TRUE(test::eventually([&] { return program->out() == "ready\n"; }));
  program->signal(SIGTERM);
  const auto output = program->wait();
  EXPECT_EQ(output.exit, 5);
  EXPECT_EQ(output.out, "ready\ngot it\n");
}

TEST_F(ExecTest, LetsItsProgramBeSteered) {
  start_sidecar();
  const auto program = run({"python3", "-c", R"(
import os, socket, time, scanflow
stop = False
@scanflow.command(at_once=True)
def stop_early():
    global stop
    stop = True
link = socket.socket(socket.AF_UNIX)
link.connect(os.environ["SCANFLOW_SOCKET"])
link.sendall(b'{"metric": {"name": "loss", "value": 0.5, "step": 3}}\n')
while not stop: time.sleep(0.005)
)"});
  ASSERT_TRUE(hubs_.sees(
      [](test::Hubs& hubs) { return hubs.offers.find("stop_early") != std::string::npos; }));
  EXPECT_EQ(hubs_.ask("pause").outcome, "DONE");
  EXPECT_EQ(hubs_.ask("resume").outcome, "DONE");
  EXPECT_EQ(hubs_.ask("stop_early").outcome, "DONE");
  EXPECT_EQ(program->wait().exit, 0);
  EXPECT_TRUE(hubs_.sees([](test::Hubs& hubs) { return !hubs.results.empty(); }));
  EXPECT_EQ(hubs_.results.at(0).status, "succeeded");
  EXPECT_TRUE(hubs_.sees([](test::Hubs& hubs) { return !hubs.metrics.empty(); }));
  EXPECT_EQ(hubs_.metrics.at(0).name, "loss");
}

TEST_F(ExecTest, ItsEndWaitsInTheSpoolForAHub) {
  start_sidecar();
  const auto program = run({"sh", "-c", "while [ ! -e $FILES/stop ]; do sleep 0.02; done; exit 3"});
  ASSERT_TRUE(announced());
  hubs_.stop();
  test::write(files_ / "stop", "");
  EXPECT_EQ(program->wait().exit, 3);
  sidecar_->signal(SIGKILL);
  sidecar_->wait();
  hubs_.start();
  start_sidecar();
  EXPECT_TRUE(hubs_.sees([](test::Hubs& hubs) { return !hubs.results.empty(); }));
  ASSERT_FALSE(hubs_.results.empty());
  EXPECT_EQ(hubs_.results[0].exit_code, 3);
  EXPECT_THAT(hubs_.results[0].post_mortem, HasSubstr("exit code 3"));
}

TEST_F(ExecTest, RestartsItInItsPlace) {
  start_sidecar();
  const auto program =
      run({"sh", "-c", "echo begun; while [ ! -e $FILES/stop ]; do sleep 0.02; done"});
  ASSERT_TRUE(announced());
  const auto outcome = hubs_.ask("restart");
  EXPECT_EQ(outcome.outcome, "DONE") << outcome.message;
  EXPECT_TRUE(test::eventually([&] { return program->out() == "begun\nbegun\n"; }));
  EXPECT_EQ(hubs_.ask("pause", {{"for", "200ms"}}).outcome, "DONE") << "it knows the old one only";
  test::write(files_ / "stop", "");
  EXPECT_EQ(program->wait().exit, 0);
}

TEST_F(ExecTest, RunsHooksAndSaysWhoEndedIt) {
  start_sidecar();
  const auto program = run({"sh", "-c", "trap '' TERM; while :; do sleep 0.02; done"});
  ASSERT_TRUE(announced());
  EXPECT_EQ(hubs_.ask("exec_hook", {{"name", "greet"}}).outcome, "DONE");
  EXPECT_EQ(program->out(), "hook in " + files_.path().string() + "\n");
  EXPECT_EQ(hubs_.ask("terminate", {{"grace", "100ms"}}).outcome, "DONE");
  EXPECT_EQ(program->wait().exit, 128 + SIGKILL);
  EXPECT_TRUE(hubs_.sees([](test::Hubs& hubs) { return !hubs.results.empty(); }));
  ASSERT_FALSE(hubs_.results.empty());
  EXPECT_THAT(hubs_.results[0].message, HasSubstr("as the primitive 'terminate' asked"));
}

TEST_F(ExecTest, ASidecarThatComesLaterIsToldAllTheSame) {
  const auto program = run({"sh", "-c", "while [ ! -e $FILES/stop ]; do sleep 0.02; done"});
  start_sidecar();
  EXPECT_TRUE(announced());
  test::write(files_ / "stop", "");
  EXPECT_EQ(program->wait().exit, 0);
}

TEST(Exec, IsStatic) {
  test::Program ldd({"ldd", kBin + "scanflow-exec"});
  EXPECT_THAT(ldd.wait().err + ldd.out(), HasSubstr("not a dynamic executable"));
}

TEST(Exec, InstallsItself) {
  const test::TempDir directory;
  const std::string bin = (directory / "new/bin").string();
  for (int i = 0; i < 2; ++i) {
    const auto output = test::Program({kBin + "scanflow-exec", "--install", bin}).wait();
    ASSERT_EQ(output.exit, 0) << output.err;
  }
  EXPECT_EQ(test::Program({bin + "/scanflow-exec", "echo", "there"}).wait().out, "there\n");
  std::vector<std::string> left;
  for (const auto& each : std::filesystem::directory_iterator(bin))
    left.push_back(each.path().filename());
  EXPECT_EQ(left, std::vector<std::string>{"scanflow-exec"});
  const std::string file = directory.write("file", "");
  const auto refused = test::Program({kBin + "scanflow-exec", "--install", file}).wait();
  EXPECT_EQ(refused.exit, 1);
  EXPECT_THAT(refused.err, HasSubstr("cannot install " + file));
  EXPECT_EQ(test::Program({kBin + "scanflow-exec", "--install"}).wait().exit, 64);
}

/// As containers of one Pod do, with users that the sidecar does not know.
TEST_F(ExecTest, SeveralLaunchersShareADirectory) {
  start_sidecar({{"SCANFLOW_SOCKET_FOR_ALL", "1"}});
  ASSERT_TRUE(test::eventually([&] { return std::filesystem::exists(sidecar_socket()); }));
  ASSERT_TRUE(test::eventually([&] {
    return (std::filesystem::status(sidecar_socket()).permissions() &
            std::filesystem::perms::others_write) != std::filesystem::perms::none;
  }));
  const std::vector<std::string> program = {"sh", "-c",
                                            "echo $SCANFLOW_SOCKET; "
                                            "while [ ! -e $FILES/stop ]; do sleep 0.02; done"};
  const std::string first = (files_ / "main.sock").string(),
                    second = (files_ / "log.sock").string();
  const auto main = run(program, {{"SCANFLOW_STEP", "main"}, {"SCANFLOW_PROGRAM_SOCKET", first}});
  const auto log = run(program, {{"SCANFLOW_STEP", "log"}, {"SCANFLOW_PROGRAM_SOCKET", second}});
  EXPECT_TRUE(hubs_.sees([](test::Hubs& hubs) { return hubs.started.size() == 2; }));
  EXPECT_TRUE(std::filesystem::is_socket(first));
  EXPECT_TRUE(std::filesystem::is_socket(second));
  test::write(files_ / "stop", "");
  EXPECT_EQ(main->wait().out, first + "\n");
  EXPECT_EQ(log->wait().out, second + "\n");
}

TEST(Exec, WithoutASidecarTheProgramJustRuns) {
  test::Program program({kBin + "scanflow-exec", "sh", "-c", "echo alone"});
  const auto output = program.wait();
  EXPECT_EQ(output.out, "alone\n");
  EXPECT_EQ(output.exit, 0);
}

}  // namespace
}  // namespace scanflow
