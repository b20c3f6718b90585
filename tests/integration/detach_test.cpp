// run --detach: the run goes on when its caller has left.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;

std::string gated(const std::string& name, const std::string& rest = "") {
  return "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: " + name + "}\n" + rest +
         "\nsteps: [{name: gate, approve: true}, {name: a, needs: [gate], run: echo}]\n";
}

bool answered(const Scanflow& scanflow, const std::string& run) {
  return eventually([&] { return scanflow({"runs", "approve", run, "gate"}).exit == 0; });
}

std::string id_of(const Output& output) { return output.out.substr(0, output.out.find('\n')); }

TEST(Detach, TheRunGoesOnAndCanBeWatched) {
  const Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", gated("p"));
  const Output started = scanflow({"run", file, "--detach"});
  ASSERT_EQ(started.exit, 0) << started.err;
  const std::string run = id_of(started);
  EXPECT_EQ(started.out, run + "\n") << "for scripts: nothing else";
  const auto watcher = scanflow.start({"runs", "watch", run});
  ASSERT_TRUE(answered(scanflow, run));
  EXPECT_EQ(watcher->wait().exit, 0);
  EXPECT_EQ(scanflow({"runs", "wait", run}).exit, 0);

  const Output second = scanflow({"run", file, "-d", "-o", "json"});
  const json document = last_line(second);
  EXPECT_EQ(document["pipeline"], "p");
  EXPECT_EQ(document["detached"], true);
  EXPECT_EQ(scanflow({"runs", "cancel", document["run"]}).exit, 0);
}

TEST(Detach, ErrorsAtSubmissionReachTheCaller) {
  const Scanflow scanflow;
  EXPECT_EQ(scanflow({"run", "--detach", scanflow.files().write("x.yaml", "kind: Pipe\n")}).exit,
            2);
  const std::string large = scanflow.files().write(
      "l.yaml",
      "apiVersion: scanflow.dev/v1\nkind: Pipeline\nmetadata: {name: l}\n"
      "steps: [{name: a, uses: noop, resources: {requests: {cpu: 100000}}}]\n");
  const Output refused = scanflow({"run", "--detach", large});
  EXPECT_EQ(refused.exit, 2);
  EXPECT_NE(refused.err.find("can never start"), std::string::npos) << refused.err;
  const std::string alone =
      scanflow.files().write("g.yaml", gated("g", "concurrency: {policy: reject}"));
  const Output first = scanflow({"run", "--detach", alone});
  ASSERT_EQ(first.exit, 0) << first.err;
  EXPECT_EQ(scanflow({"run", "--detach", alone}).exit, 1) << "the group is full";
  EXPECT_EQ(scanflow({"runs", "cancel", id_of(first)}).exit, 0);
}

TEST(Detach, TheEngineOfAnotherRunMayEndFirst) {
  const Scanflow scanflow;
  const std::string file = scanflow.files().write("p.yaml", gated("p"));
  const auto engine = scanflow.start({"run", file});
  ASSERT_TRUE(eventually([&] {
    return scanflow({"runs", "events", "last"}).out.find("approval_requested") != std::string::npos;
  }));
  const std::string first = last_line(scanflow({"runs", "list", "-o", "json"}))[0]["run"];
  const Output other = scanflow({"run", file, "--detach"});
  ASSERT_EQ(other.exit, 0) << other.err;
  ASSERT_TRUE(answered(scanflow, first));
  EXPECT_EQ(engine->wait().exit, 0);
  ASSERT_TRUE(answered(scanflow, id_of(other))) << "its own process is the engine now";
  EXPECT_TRUE(eventually([&] { return scanflow({"runs", "wait", id_of(other)}).exit == 0; }));
}

TEST(Detach, SoDoesAResumedOne) {
  const Scanflow scanflow;
  const auto killed = scanflow.start({"run", scanflow.files().write("p.yaml", gated("p"))});
  ASSERT_TRUE(eventually([&] {
    return scanflow({"runs", "events", "last"}).out.find("approval_requested") != std::string::npos;
  }));
  killed->signal(SIGKILL);
  killed->wait();
  const Output resumed = scanflow({"run", "--resume", "last", "--detach"});
  ASSERT_EQ(resumed.exit, 0) << resumed.err;
  ASSERT_TRUE(answered(scanflow, id_of(resumed)));
  EXPECT_TRUE(eventually([&] { return scanflow({"runs", "wait", "last"}).exit == 0; }));
}

}  // namespace
}  // namespace scanflow::test
