// A server's life: what it recovers, what it leaves, whom it refuses.
#include <algorithm>

#include "tests/integration/server_support.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

const std::string kAsks = pipeline(R"yaml(
steps:
  - {name: gate, approve: "go on?"}
  - {name: after, needs: [gate], uses: noop}
)yaml");

json approve(const ServerProgram& server, const std::string& run) {
  return server.post("/api/v1/runs/" + run + "/approve", {{"step", "gate"}});
}

TEST(Server, AKilledOneIsFollowedByOneThatGoesOnWithAllRuns) {
  Scanflow scanflow;
  std::vector<std::string> runs;
  {
    ServerProgram first(scanflow);
    for (int i = 0; i < 25; ++i) runs.push_back(first.submit(kAsks));
    first.kill();
  }
  ServerProgram second(scanflow);
  EXPECT_NE(second.log().find("recovered 25 runs in "), std::string::npos) << second.log();
  for (const std::string& run : runs) EXPECT_TRUE(approve(second, run).value("approved", false));
  for (const std::string& run : runs) EXPECT_TRUE(second.reaches(run, "succeeded")) << run;
  EXPECT_EQ(second.stop(), 0);
}

TEST(Server, AttemptsGoOnWithoutItAndTheNextOneAdoptsThem) {
  Scanflow scanflow;
  const std::string go = scanflow.files() / "go";
  const std::string begun = scanflow.files() / "begun";
  const std::string source = pipeline("steps:\n  - {name: long, run: \"echo x >> " + begun +
                                      "; while [ ! -e " + go + " ]; do sleep 0.02; done\"}\n");
  std::string run;
  {
    ServerProgram first(scanflow);
    run = first.submit(source);
    ASSERT_TRUE(eventually([&] { return read(begun) == "x\n"; }));
    EXPECT_EQ(first.stop(), 0);
  }
  ServerProgram second(scanflow);
  EXPECT_EQ(second.get("/api/v1/runs/" + run).value("status", ""), "running");
  write(go, "");
  EXPECT_TRUE(second.reaches(run, "succeeded"));
  EXPECT_EQ(read(begun), "x\n") << "the attempt was started again";
}

TEST(Server, AGroupOfRunsHoldsAfterARestart) {
  Scanflow scanflow;
  const std::string source = kAsks + "concurrency: {max: 1}\n";
  std::vector<std::string> runs;
  {
    ServerProgram first(scanflow);
    for (int i = 0; i < 3; ++i) runs.push_back(first.submit(source));
    first.kill();
  }
  ServerProgram second(scanflow);
  EXPECT_EQ(second.get("/api/v1/runs/" + runs[0])["status"], "running");
  EXPECT_EQ(second.get("/api/v1/runs/" + runs[1])["status"], "queued");
  EXPECT_EQ(second.get("/api/v1/runs/" + runs[2])["status"], "queued");
  for (const std::string& run : runs) {
    ASSERT_TRUE(second.reaches(run, "running"));
    EXPECT_TRUE(eventually([&] { return approve(second, run).value("approved", false); }));
    EXPECT_TRUE(second.reaches(run, "succeeded"));
  }
}

TEST(Server, RunSubmitsToIt) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  const std::string file =
      scanflow.files().write("p.yaml", pipeline("steps: [{name: a, uses: noop}]\n"));
  const Output output = scanflow({"run", file, "-o", "json"});
  ASSERT_EQ(output.exit, 0) << output.err;
  const std::string run = last_line(output)["run"];
  EXPECT_EQ(server.get("/api/v1/runs/last")["run"], run);
  EXPECT_EQ(server.get("/api/v1/runs/last")["trigger"], "cli");
}

TEST(Server, ACommandThatTookOverFromAKilledOneMakesWayForTheNext) {
  Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", kAsks);
  std::unique_ptr<Program> command;
  std::vector<std::string> runs;
  {
    ServerProgram first(scanflow);
    runs.push_back(first.submit(kAsks));
    command = scanflow.start({"run", file, "-o", "json"});
    ASSERT_TRUE(eventually([&] {
      const json newest = first.get("/api/v1/runs/last");
      return newest.value("trigger", "") == "cli" && newest.value("status", "") == "running";
    }));
    runs.push_back(first.get("/api/v1/runs/last")["run"]);
    first.kill();
  }
  const std::string pid = std::to_string(command->pid()) + "\n";
  ASSERT_TRUE(eventually([&] { return read(scanflow.state() / "engine.lock") == pid; }));
  ServerProgram second(scanflow);
  EXPECT_NE(second.log().find("recovered 2 runs in "), std::string::npos) << second.log();
  for (const std::string& run : runs) {
    EXPECT_TRUE(eventually([&] { return approve(second, run).value("approved", false); }));
    EXPECT_TRUE(second.reaches(run, "succeeded")) << run;
  }
  EXPECT_EQ(command->wait().exit, 0) << "it follows its run in the new server";
  EXPECT_EQ(second.stop(), 0);
}

TEST(Server, DrainsWhenAsked) {
  Scanflow scanflow;
  ServerProgram server(scanflow, {"--drain"});
  const std::string run = server.submit(kAsks);
  server.program().signal(SIGTERM);
  ASSERT_TRUE(
      eventually([&] { return server.log().find("draining: 1 run") != std::string::npos; }));
  EXPECT_EQ(server.post("/api/v1/runs", {{"source", kAsks}}).value("status", 0), 503);
  EXPECT_TRUE(approve(server, run).value("approved", false));
  EXPECT_EQ(server.program().wait().exit, 0);
  const Output shown = scanflow({"runs", "show", "last", "-o", "json"});
  EXPECT_EQ(last_line(shown)["status"], "succeeded");
}

TEST(Server, ASecondSignalEndsADrainAtOnce) {
  Scanflow scanflow;
  ServerProgram server(scanflow, {"--drain"});
  server.submit(kAsks);
  server.program().signal(SIGINT);
  ASSERT_TRUE(eventually([&] { return server.log().find("draining") != std::string::npos; }));
  server.program().signal(SIGINT);
  EXPECT_EQ(server.program().wait().exit, 130);
}

TEST(Server, SaysWhoHoldsTheStateDirectoryAndWhereItMayListen) {
  Scanflow scanflow;
  ServerProgram server(scanflow);
  const Output second = scanflow({"server", "--listen", "127.0.0.1:0"});
  EXPECT_EQ(second.exit, 3);
  EXPECT_NE(second.err.find("(process " + std::to_string(server.program().pid()) + ")"),
            std::string::npos)
      << second.err;
  const std::string other = scanflow.files() / "other";
  const Output outside = scanflow({"server", "--listen", "0.0.0.0:0", "--state", other});
  EXPECT_EQ(outside.exit, 2);
  EXPECT_NE(outside.err.find("not an address of this machine's own"), std::string::npos);
  const Output taken = scanflow(
      {"server", "--listen", "127.0.0.1:" + std::to_string(server.port()), "--state", other});
  EXPECT_EQ(taken.exit, 3);
  EXPECT_NE(taken.err.find("cannot listen"), std::string::npos) << taken.err;
}

}  // namespace
}  // namespace scanflow::test
