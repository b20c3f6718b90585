// A second attempt beside a slow one, with real processes: the first that succeeds wins, whatever becomes of the engine.
#include <gmock/gmock.h>

#include <cerrno>

#include "tests/integration/server_support.hpp"

namespace scanflow::test {
namespace {

using testing::HasSubstr;

/// The first attempt never ends by itself; the second one ends once it may.
constexpr const char* kSlow = R"(apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: slow}
steps:
  - name: work
    run: |
      echo $$ > "$FILES/pid$SCANFLOW_ATTEMPT"
      echo $SCANFLOW_ATTEMPT >> "$FILES/starts"
      echo from attempt $SCANFLOW_ATTEMPT > "$SCANFLOW_ARTIFACTS/text"
      echo "n=$SCANFLOW_ATTEMPT" >> "$SCANFLOW_OUTPUT"
      [ $SCANFLOW_ATTEMPT != 1 ] || exec sleep 600
      while [ ! -e "$FILES/go" ]; do sleep 0.02; done
  - name: after
    needs: [work]
    with: {text: "${{ steps.work.artifacts.text }}"}
    run: cp "$SCANFLOW_INPUT_TEXT" "$FILES/seen"
)";

class HedgeTest : public testing::Test {
 protected:
  Output scanflow(std::vector<std::string> words) const {
    words.insert(words.end(), {"--server", server_->url()});
    return scanflow_(std::move(words));
  }
  Output hedge(const std::string& run, const std::string& step) const {
    return scanflow({"primitive", "send", "engine", "hedge_step", "run=" + run, "step=" + step});
  }
  std::string files() const { return scanflow_.files().path().string(); }
  /// With $FILES as it is.
  std::string submit(std::string source) const {
    for (std::size_t at = source.find("$FILES"); at != std::string::npos;
         at = source.find("$FILES", at))
      source.replace(at, 6, files());
    return server_->submit(source);
  }
  bool is_there(const std::string& name) const {
    return eventually([&] { return !read(files() + "/" + name).empty(); });
  }
  bool is_gone(const std::string& name) const {
    const pid_t pid = std::stoi(read(files() + "/" + name));
    return eventually([&] { return ::kill(pid, 0) != 0 && errno == ESRCH; });
  }
  json step(const std::string& run) const {
    return server_->get("/api/v1/runs/" + run).at("steps").at(0);
  }
  void check_end(const std::string& run) const {
    ASSERT_TRUE(server_->reaches(run, "succeeded")) << server_->get("/api/v1/runs/" + run).dump(1);
    EXPECT_TRUE(is_gone("pid1"));
    EXPECT_EQ(read(files() + "/seen"), "from attempt 2\n");
    EXPECT_EQ(read(files() + "/starts"), "1\n2\n") << "each was started once";
    const json work = step(run);
    EXPECT_EQ(work.at("outputs").at("n"), 2);
    EXPECT_EQ(read(work.at("artifacts").at("text").at("path").get<std::string>()),
              "from attempt 2\n");
    const json hedged = work.at("hedged");
    EXPECT_EQ(hedged.at("first"), 2) << hedged;
    EXPECT_EQ(hedged.at("attempts").at(0).at("cause"), "superseded") << hedged;
    EXPECT_EQ(hedged.at("attempts").at(1).at("hedge"), true) << hedged;
    EXPECT_THAT(scanflow({"runs", "show", run}).out, HasSubstr("2 of 1|2"));
  }

  const Scanflow scanflow_;
  std::unique_ptr<ServerProgram> server_ =
      std::make_unique<ServerProgram>(scanflow_, std::vector<std::string>{"-j", "4"});
};

TEST_F(HedgeTest, TheSecondAttemptWinsAndTheFirstOneIsGone) {
  const std::string run = submit(kSlow);
  ASSERT_TRUE(is_there("pid1"));
  EXPECT_THAT(hedge(run, "after").out, HasSubstr("step after is pending"));
  EXPECT_THAT(hedge(run, "wrok").out, HasSubstr("no step 'wrok'"));
  const Output asked = hedge(run, "work");
  EXPECT_EQ(asked.exit, 0) << asked.err;
  ASSERT_TRUE(is_there("pid2"));
  const Output again = hedge(run, "work");
  EXPECT_NE(again.exit, 0);
  EXPECT_THAT(again.out, HasSubstr("step work has a second attempt already: 2 runs beside 1"));
  const json top = server_->get("/api/v1/top").at("attempts");
  ASSERT_EQ(top.size(), 2U) << top;
  EXPECT_EQ(top[0].at("hedge"), false);
  EXPECT_EQ(top[1].at("hedge"), true);
  EXPECT_TRUE(eventually([&] {
    return scanflow({"runs", "show", run}).out.find("1|2") != std::string::npos;
  })) << scanflow({"runs", "show", run}).out;
  write(files() + "/go", "x");
  check_end(run);
  const std::string events = scanflow({"runs", "events", run}).out;
  EXPECT_THAT(events, HasSubstr("hedge_requested"));
  EXPECT_THAT(events, HasSubstr("superseded"));
}

TEST_F(HedgeTest, AServerThatIsKilledGoesOnWithBoth) {
  const std::string run = submit(kSlow);
  ASSERT_TRUE(is_there("pid1"));
  ASSERT_EQ(hedge(run, "work").exit, 0);
  ASSERT_TRUE(is_there("pid2"));
  server_->kill();
  server_ = std::make_unique<ServerProgram>(scanflow_, std::vector<std::string>{"-j", "4"});
  ASSERT_TRUE(eventually([&] { return server_->get("/api/v1/top").at("attempts").size() == 2; }));
  write(files() + "/go", "x");
  check_end(run);
}

TEST_F(HedgeTest, WhatTheSecondOneDidWhileNoEngineWasThereCounts) {
  const std::string run = submit(kSlow);
  ASSERT_TRUE(is_there("pid1"));
  ASSERT_EQ(hedge(run, "work").exit, 0);
  ASSERT_TRUE(is_there("pid2"));
  server_->kill();
  write(files() + "/go", "x");
  ASSERT_TRUE(is_gone("pid2"));
  server_ = std::make_unique<ServerProgram>(scanflow_, std::vector<std::string>{"-j", "4"});
  check_end(run);
}

TEST_F(HedgeTest, CancelStopsBoth) {
  const std::string run = submit(kSlow);
  ASSERT_TRUE(is_there("pid1"));
  ASSERT_EQ(hedge(run, "work").exit, 0);
  ASSERT_TRUE(is_there("pid2"));
  EXPECT_EQ(scanflow({"runs", "cancel", run}).exit, 0);
  EXPECT_TRUE(server_->reaches(run, "cancelled"));
  EXPECT_TRUE(is_gone("pid1"));
  EXPECT_TRUE(is_gone("pid2"));
}

TEST_F(HedgeTest, TheStrategyFindsTheStraggler) {
  write(files() + "/agent.yaml", R"(apiVersion: scanflow.dev/v1
kind: Agent
metadata: {name: overseer}
rules:
  - name: stragglers
    on: {interval: {every: 1s}}
    see: {running: "${{ runs.running('shards') }}"}
    strategy: {uses: straggler, with: {min_seconds: 3, factor: 3}}
    allow: [hedge_step]
    guard: {max_per_hour: 1000}
)");
  const Output applied = scanflow({"apply", "-f", files() + "/agent.yaml"});
  ASSERT_EQ(applied.exit, 0) << applied.err;
  const std::string run = submit(R"(apiVersion: scanflow.dev/v1
kind: Pipeline
metadata: {name: shards}
steps:
  - name: shard
    for_each: "${{ {1, 2, 3, 4, 5, 6} }}"
    run: |
      [ ${{ item }}.$SCANFLOW_ATTEMPT != 5.1 ] || exec sleep 600
      sleep 0.2
)");
  ASSERT_TRUE(server_->reaches(run, "succeeded")) << server_->log();
  std::string hedged;
  const json ended = server_->get("/api/v1/runs/" + run);
  for (const json& each : ended.at("steps")) {
    if (each.contains("hedged")) hedged += each.at("name").get<std::string>();
  }
  EXPECT_EQ(hedged, "shard[4]");
  const json decisions = server_->get("/api/v1/decisions?limit=10").at("decisions");
  ASSERT_EQ(decisions.size(), 1U) << decisions.dump(1);
  EXPECT_EQ(decisions[0].at("state"), "done");
  EXPECT_THAT(decisions[0].at("actions")[0].dump(), HasSubstr("are usual"));
}

}  // namespace
}  // namespace scanflow::test
