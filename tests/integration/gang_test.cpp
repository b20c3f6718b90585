// Steps with `replicas`, as their users have them: processes on this machine that meet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "tests/support/gang.hpp"
#include "tests/support/program.hpp"
#include "tests/support/results.hpp"

namespace scanflow::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class GangTest : public testing::Test {
 protected:
  std::string file(const std::string& steps) const {
    return scanflow_.files().write("p.yaml", pipeline("steps:\n" + steps));
  }
  Output run(const std::string& steps, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"run", file(steps), "-j", "3", "-o", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return scanflow_(arguments);
  }
  std::string log(const std::string& step) const {
    return scanflow_({"runs", "logs", "last", step}).out;
  }
  json shown() const { return last_line(scanflow_({"runs", "show", "last", "-o", "json"})); }
  std::string marks(const std::string& name) const { return read(scanflow_.files() / name); }
  /// Appends a line to a file of the test.
  std::string mark(const std::string& name, const std::string& text) const {
    return "echo " + text + " >> " + (scanflow_.files() / name).string();
  }

  Scanflow scanflow_;
};

TEST_F(GangTest, TheRanksMeetAndTheStepSucceedsWithAllOfThem) {
  const Output output = run(kMeetingStep);
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  const json meet = step(last_line(output), "meet");
  EXPECT_EQ(meet["outputs"]["sum"], 3) << "0 + 1 + 2";
  EXPECT_EQ(meet["attempts"], 1);
  ASSERT_EQ(meet["ranks"].size(), 3u) << meet;
  EXPECT_EQ(meet["ranks"][2]["status"], "succeeded");
  EXPECT_GT(meet["ranks"][2]["max_rss"], 0);
  EXPECT_EQ(read(meet["artifacts"]["mine"]["path"].get<std::string>()), "rank 0\n");
  EXPECT_EQ(read(meet["artifacts"]["mine@2"]["path"].get<std::string>()), "rank 2\n");
  EXPECT_THAT(log("meet"), AllOf(HasSubstr("==> meet@1 attempt 1 <==\nI am 1 of 3\n"),
                                 HasSubstr("I am 0 of 3"), HasSubstr("I am 2 of 3")));
  EXPECT_EQ(log("meet@1"), "I am 1 of 3\n");
  for (const char* none : {"meet@x", "meet@0"})
    EXPECT_EQ(scanflow_({"runs", "logs", "last", none}).exit, 2) << none;
  EXPECT_THAT(scanflow_({"runs", "logs", "last", "meet@3"}).err, HasSubstr("step meet of run"))
      << "there are 3";
  const Output table = scanflow_({"runs", "show", "last"});
  EXPECT_THAT(table.out, AllOf(HasSubstr("meet: 3 ranks"), HasSubstr("  2  succeeded")));
}

TEST_F(GangTest, OneThatFailsEndsTheOthersAndAllBeginAnew) {
  const Output output =
      run("  - name: train\n    env: {DIR: " + scanflow_.files().path().string() + R"yaml(}
    replicas: 3
    retry: 1
    run: |
      echo $RANK >> $DIR/begun
      if [ $RANK = 1 ] && [ ! -e $DIR/failed ]; then
        until [ "$(wc -l < $DIR/begun)" = 3 ]; do sleep 0.02; done
        touch $DIR/failed; exit 7
      fi
      [ $RANK = 1 ] || until [ "$(grep -c 1 $DIR/begun)" = 2 ]; do sleep 0.02; done
)yaml");
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  const json train = step(last_line(output), "train");
  EXPECT_EQ(train["attempts"], 2);
  const std::string begun = marks("begun");
  for (const char rank : {'0', '1', '2'})
    EXPECT_EQ(std::count(begun.begin(), begun.end(), rank), 2) << begun;
}

TEST_F(GangTest, TheReasonIsTheRankThatFailedFirst) {
  const Output output = run(R"(  - name: train
    replicas: 3
    run: if [ $RANK = 2 ]; then echo going down; exit 7; else sleep 60; fi
)");
  EXPECT_EQ(output.exit, 1);
  const json train = step(last_line(output), "train");
  EXPECT_THAT(train["error"]["message"].get<std::string>(), HasSubstr("rank 2 of 3: "));
  EXPECT_EQ(train["ranks"][0]["status"], "cancelled");
  EXPECT_EQ(train["ranks"][2]["status"], "failed");
  EXPECT_LT(train["seconds"], 30) << "the others were stopped";
  EXPECT_THAT(log("train@2"), HasSubstr("going down"));
}

TEST_F(GangTest, ATimeoutStopsAllOfThem) {
  const Output output = run("  - {name: train, replicas: 2, timeout: 1s, run: sleep 60}\n");
  EXPECT_EQ(output.exit, 1);
  EXPECT_EQ(step(last_line(output), "train")["error"]["cause"], "timeout");
  EXPECT_TRUE(eventually([&] { return scanflow_.processes().size() <= 1; })) << "a rank goes on";
}

TEST_F(GangTest, AKilledEngineFindsItsRanksAgain) {
  const std::string go = scanflow_.files() / "go";
  const auto program = scanflow_.start({"run",
                                        file(R"(  - name: train
    replicas: 3
    run: )" + mark("begun", "$RANK") + "; until [ -e " +
                                             go + " ]; do sleep 0.02; done\n"),
                                        "-j", "3"});
  ASSERT_TRUE(eventually([&] { return marks("begun").size() == 6; })) << program->err();
  program->signal(SIGKILL);
  program->wait();
  const auto resumed = scanflow_.start({"runs", "resume", "last", "-o", "json"});
  ASSERT_TRUE(eventually([&] { return shown()["status"] == "running"; }));
  write(go, "");
  const Output output = resumed->wait();
  ASSERT_EQ(output.exit, 0) << output.out << output.err;
  EXPECT_EQ(marks("begun").size(), 6u) << "none began twice";
  EXPECT_EQ(step(last_line(output), "train")["ranks"].size(), 3u);
}

TEST_F(GangTest, EachRankCanBeActedOn) {
  const auto program = scanflow_.start({"run", file(R"(  - name: train
    replicas: 2
    run: )" + mark("begun", "$RANK") + "; trap 'exit 0' TERM; while :; do sleep 0.02; done\n"),
                                        "-j", "2"});
  ASSERT_TRUE(eventually([&] { return marks("begun").size() == 4; })) << program->err();
  for (const std::string rank : {"train", "train@1"}) {
    const Output paused = scanflow_({"primitive", "send", "last", rank, "pause"});
    EXPECT_EQ(paused.exit, 0) << rank << paused.out << paused.err;
    EXPECT_EQ(scanflow_({"primitive", "send", "last", rank, "resume"}).exit, 0) << rank;
  }
  EXPECT_THAT(scanflow_({"primitive", "send", "last", "train@2", "pause"}).err,
              HasSubstr("step train has 2 replicas: ranks are 0 to 1"));
  EXPECT_THAT(scanflow_({"top", "-o", "json"}).out, HasSubstr("train@1"));
  for (const std::string rank : {"train", "train@1"})
    EXPECT_EQ(scanflow_({"primitive", "send", "last", rank, "terminate"}).exit, 0) << rank;
  EXPECT_EQ(program->wait().exit, 0);
}

TEST_F(GangTest, WhatCannotBeIsRefusedBeforeAnythingRuns) {
  const std::string two = "  - {name: train, replicas: 2, run: exit 0}\n";
  const Output small = scanflow_({"run", file(two), "-j", "1"});
  EXPECT_EQ(small.exit, 2);
  EXPECT_THAT(small.err,
              HasSubstr("its 2 replicas start together, and 1 at once may run; give -j 2"));
  const Output inside = scanflow_({"run", file(two), "-j", "2", "--backend", "inproc"});
  EXPECT_NE(inside.exit, 0);
  EXPECT_THAT(inside.out + inside.err, HasSubstr("--backend local"));
  for (const char* wrong :
       {"  - {name: a, uses: noop, replicas: 2}\n", "  - {name: a, run: x, replicas: 0}\n",
        "  - {name: a, run: x, replicas: many}\n",
        "  - {name: a, pipeline: b.yaml, replicas: 2}\n"}) {
    const Output output = scanflow_({"validate", file(wrong)});
    EXPECT_EQ(output.exit, 2) << wrong;
    EXPECT_THAT(output.out + output.err, HasSubstr("replicas")) << wrong;
  }
}

}  // namespace
}  // namespace scanflow::test
