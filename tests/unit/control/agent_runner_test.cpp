// An agent with real plugins in a real host process and a real store; a clock that is moved by hand.
#include "engine/control/agent_runner.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "engine/control/ledger.hpp"
#include "engine/pipeline/agent_reader.hpp"
#include "engine/store/store.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/control/plugins.hpp"

namespace scanflow::control {
namespace {

using test::eventually;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int64_t kSecond = 1'000'000;

/// Remembers what it was asked, and answers when it is let.
class FakeActor final : public Actor {
 public:
  void act(const Order& order, std::function<void(Outcome)> then) override {
    {
      const std::lock_guard lock(mutex_);
      orders_.push_back(order);
      if (!answers_) {
        waiting_.push_back(std::move(then));
        return;
      }
    }
    if (on_act) on_act(order);
    then({"DONE", "", {{"n", 1}}});
  }
  std::vector<Order> orders() const {
    const std::lock_guard lock(mutex_);
    return orders_;
  }
  void answer(bool answers) {
    const std::lock_guard lock(mutex_);
    answers_ = answers;
  }
  std::function<void(const Order&)> on_act;

 private:
  mutable std::mutex mutex_;
  bool answers_ = true;
  std::vector<Order> orders_;
  std::vector<std::function<void(Outcome)>> waiting_;
};

class AgentRunnerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto catalog = test::control_plugins(plugins_.path());
    ASSERT_TRUE(catalog) << catalog.error().message;
    catalog_ = std::make_shared<loader::Catalog>(std::move(*catalog));
    auto store = store::Store::open(files_.path(), store::Durability::process);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    ledger_.emplace(*store_);
  }
  void TearDown() override {
    runner_.reset();
    if (HasFailure()) std::cerr << said();
  }

  void start(const std::string& rules, bool paused = false) {
    runner_.reset();
    const std::string text =
        "apiVersion: scanflow.dev/v1\nkind: Agent\nmetadata: {name: checker, namespace: mnist}\n"
        "rules:\n" +
        rules;
    const auto read = pipeline::read_agent("a.yaml", text, *catalog_);
    ASSERT_TRUE(read.agent) << pipeline::render(read.errors, text);
    AgentRunner::Options options;
    options.spec = read.agent;
    options.catalog = catalog_;
    options.worker = WORKER_PROGRAM;
    options.paused = paused;
    options.clock = [this] { return now_us_.load(); };
    options.metrics = [](const pipeline::MetricQuery& query) -> Result<std::optional<double>> {
      if (query.name == "accuracy") return 0.5;
      return fail("nobody knows " + query.name);
    };
    options.watching = [this](const json& what, const AgentRunner::TakeSample& take) {
      const std::lock_guard lock(mutex_);
      watches_.push_back(what);
      take_ = take;
    };
    options.log = [this](const std::string& line) {
      const std::lock_guard lock(mutex_);
      said_ += line + "\n";
    };
    runner_ = std::make_unique<AgentRunner>(std::move(options), *ledger_, actor_);
  }
  /// It has begun: rules take what happens from now on.
  void start_ready(const std::string& rules) {
    start(rules);
    ASSERT_TRUE(eventually([&] { return !runner_->rules().empty(); }));
  }
  void emit(const std::string& type, json payload = json::object(), int depth = 0) {
    ASSERT_TRUE(ledger_->add({.type = type,
                              .source = "me",
                              .time_us = now_us_,
                              .depth = depth,
                              .payload = std::move(payload)}));
    if (runner_) runner_->look();
  }
  void move(std::int64_t us) {
    now_us_ += us;
    runner_->look();
  }
  std::vector<Decision> decisions() const { return ledger_->decisions({}).value(); }
  bool decided(std::size_t count, const std::string& newest) const {
    return eventually([&] {
      const auto all = decisions();
      return all.size() == count && all[0].state == newest;
    });
  }
  std::string said() const {
    const std::lock_guard lock(mutex_);
    return said_;
  }
  json rule(std::size_t index = 0) const {
    const json all = runner_->rules();
    return index < all.size() ? all[index] : json::object();
  }
  std::string problem() const { return rule().value("problem", ""); }

  test::TempDir files_, plugins_;
  std::shared_ptr<const loader::Catalog> catalog_;
  std::unique_ptr<store::Store> store_;
  std::optional<Ledger> ledger_;
  FakeActor actor_;
  std::atomic<std::int64_t> now_us_ = 1'700'000'000 * kSecond;
  mutable std::mutex mutex_;
  std::string said_;
  std::vector<json> watches_;
  AgentRunner::TakeSample take_;
  std::unique_ptr<AgentRunner> runner_;
};

constexpr const char* kOnDrift =
    "  - name: retrain\n    on: {event: {type: drift.*}}\n"
    "    see: {accuracy: \"${{ metrics.last('accuracy') }}\"}\n"
    "    when: \"${{ event.payload.severity > 2 }}\"\n"
    "    do:\n"
    "      - run_pipeline: {pipeline: train, params: {since: \"${{ event.payload.since }}\", "
    "accuracy: \"${{ see.accuracy }}\"}}\n"
    "      - emit: {type: retraining}\n";

TEST_F(AgentRunnerTest, WhatItNoticesIsDecidedRecordedAndDoneInOrder) {
  start_ready(kOnDrift);
  emit("other", {{"severity", 9}});
  emit("drift.small", {{"severity", 1}});
  emit("drift.noticed", {{"severity", 3}, {"since", 17}});
  ASSERT_TRUE(decided(1, "done"));
  const auto orders = actor_.orders();
  ASSERT_THAT(orders, SizeIs(2));
  EXPECT_EQ(orders[0].action.primitive, "run_pipeline");
  EXPECT_EQ(orders[0].action.args,
            (json{{"pipeline", "train"}, {"params", {{"since", 17}, {"accuracy", 0.5}}}}));
  EXPECT_EQ(orders[1].action.primitive, "emit");
  const Decision decision = decisions()[0];
  EXPECT_EQ(decision.evidence["payload"]["since"], 17);
  EXPECT_EQ(decision.evidence["see"]["accuracy"], 0.5);
  EXPECT_EQ(decision.actions[1].outcome, "DONE");
  EXPECT_EQ(decision.actions[1].evidence["n"], 1);
  EXPECT_THAT(said(), HasSubstr("rule retrain: done run_pipeline, emit"));
}

TEST_F(AgentRunnerTest, NothingIsLostOrTakenTwiceOverARestart) {
  start_ready(kOnDrift);
  actor_.answer(false);
  emit("drift.a", {{"severity", 3}});
  ASSERT_TRUE(eventually([&] { return actor_.orders().size() == 1; }));
  runner_.reset();  // before it is known what became of it
  emit("drift.b", {{"severity", 4}});
  actor_.answer(true);
  start(kOnDrift);
  ASSERT_TRUE(eventually([&] {
    const auto all = decisions();
    return all.size() == 2 && all[0].state == "done" && all[1].state == "done";
  }));
  const auto orders = actor_.orders();
  ASSERT_THAT(orders, SizeIs(5));
  EXPECT_EQ(orders[0].id, orders[1].id) << "the same is asked again, by the same id";
  start(kOnDrift);
  emit("drift.c", {{"severity", 1}});
  move(kSecond);
  ASSERT_TRUE(eventually([&] { return rule().value("fired", 0) == 1; }));
  EXPECT_THAT(decisions(), SizeIs(2));
}

TEST_F(AgentRunnerTest, AGuardHoldsBackAndSaysWhy) {
  start_ready(
      "  - {name: a, on: {event: {type: x}}, do: [{emit: {type: y}}], guard: {cooldown: 30s}}\n");
  emit("x");
  ASSERT_TRUE(decided(1, "done"));
  emit("x");
  ASSERT_TRUE(decided(2, "held"));
  EXPECT_THAT(decisions()[0].reason, HasSubstr("cools down"));
  EXPECT_GT(decisions()[0].ended_us, 0);
  now_us_ += 31 * kSecond;
  emit("x");
  ASSERT_TRUE(decided(3, "done"));
}

TEST_F(AgentRunnerTest, WhatIsToBeApprovedWaitsAlsoOverARestart) {
  const std::string rules =
      "  - {name: a, on: {event: {type: x}}, do: [{emit: {type: y}}], guard: {mode: approve}}\n"
      "  - {name: b, on: {event: {type: z}}, do: [{emit: {type: y}}], guard: {mode: recommend}}\n";
  start_ready(rules);
  emit("x");
  ASSERT_TRUE(decided(1, "waiting"));
  emit("x");
  emit("z");
  ASSERT_TRUE(decided(3, "recommended"));
  EXPECT_THAT(actor_.orders(), IsEmpty());
  start(rules);
  const auto all = decisions();
  const auto answer = [&](const Decision& decision, bool approve, const char* by) {
    const bool waited = ledger_->answer(decision.id, approve, by, now_us_).value();
    runner_->answered(decision.id);
    return waited;
  };
  EXPECT_TRUE(answer(all[2], true, "me"));
  EXPECT_FALSE(answer(all[2], false, "another"));
  EXPECT_TRUE(answer(all[1], false, "you"));
  EXPECT_FALSE(answer(all[0], true, "nobody: it does not wait"));
  ASSERT_TRUE(eventually(
      [&] { return decisions()[2].state == "done" && decisions()[1].state == "rejected"; }));
  EXPECT_EQ(decisions()[2].by, "me");
  EXPECT_EQ(decisions()[1].by, "you");
  EXPECT_THAT(actor_.orders(), SizeIs(1));
}

TEST_F(AgentRunnerTest, AStrategyThatAsksForWhatIsNotAllowedIsRefused) {
  start_ready(
      "  - {name: a, on: {event: {type: x}}, strategy: {uses: test.asker, with: {primitive: "
      "notify}}, allow: [emit]}\n");
  emit("x");
  ASSERT_TRUE(decided(1, "refused"));
  EXPECT_THAT(decisions()[0].reason, HasSubstr("asks for 'notify', which the rule does not allow"));
  EXPECT_THAT(actor_.orders(), IsEmpty());
}

TEST_F(AgentRunnerTest, AStrategyRemembersWhatItHasDecided) {
  const std::string rules =
      "  - {name: a, on: {event: {type: x}}, strategy: {uses: test.asker}, allow: [emit]}\n";
  start_ready(rules);
  emit("x");
  ASSERT_TRUE(decided(1, "done"));
  start(rules);
  emit("x");
  ASSERT_TRUE(decided(2, "done"));
  EXPECT_EQ(actor_.orders()[1].action.args["payload"]["count"], 2);
}

TEST_F(AgentRunnerTest, ATriggerThatCrashesIsContainedAndOthersGoOn) {
  start_ready(
      "  - {name: bad, on: {test.obedient: {type: x}}, do: [{emit: {type: y}}]}\n"
      "  - {name: good, on: {test.obedient: {type: z}}, do: [{emit: {type: y}}]}\n");
  emit("x", {{"trigger", "crash"}});
  ASSERT_TRUE(eventually([&] { return problem().find("SIGSEGV") != std::string::npos; }));
  emit("z");
  ASSERT_TRUE(decided(1, "done"));
  emit("x");  // behind what it crashes of
  EXPECT_TRUE(eventually([&] {
    move(kSecond * 60);
    return decisions().size() == 2;
  })) << "what it crashes of again and again is passed over";
  EXPECT_THAT(said(), HasSubstr("is passed over: it made it fail 5 times"));
  EXPECT_EQ(decisions()[0].rule, "bad");
}

TEST_F(AgentRunnerTest, AStrategyThatHangsIsKilledAndItsFiringIsNotLost) {
  start_ready(
      "  - {name: a, on: {test.obedient: {type: x}}, strategy: {uses: test.asker}, allow: "
      "[emit]}\n");
  emit("x", {{"strategy", "hang"}});
  ASSERT_TRUE(
      eventually([&] { return problem().find("did not answer within") != std::string::npos; }));
  EXPECT_TRUE(eventually([&] {
    move(kSecond * 60);
    return decisions().size() == 1;
  }));
  EXPECT_EQ(decisions()[0].state, "failed");
  EXPECT_THAT(decisions()[0].reason, HasSubstr("did not answer within"));
}

TEST_F(AgentRunnerTest, SamplesFireOnTheEdge) {
  start_ready("  - {name: a, on: {metric: {name: loss, above: 3}}, do: [{emit: {type: y}}]}\n");
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex_);
    return watches_.size() == 1;
  }));
  EXPECT_EQ(watches_[0]["name"], "loss");
  std::int64_t at_us = now_us_;
  for (const double value : {1.0, 5.0, 6.0, 2.0, 7.0}) {
    take_({{"name", "loss"}, {"labels", json::object()}, {"time_us", ++at_us}, {"value", value}});
  }
  ASSERT_TRUE(decided(2, "done"));
}

TEST_F(AgentRunnerTest, TimeWakesToTheMillisecond) {
  start_ready("  - {name: a, on: {interval: {every: 10s}}, do: [{emit: {type: y}}]}\n");
  ASSERT_TRUE(eventually([&] { return rule().value("next_us", 0L) > 0; }));
  const std::int64_t next_us = rule()["next_us"];
  move(next_us - now_us_ - 1);
  move(1);
  ASSERT_TRUE(decided(1, "done"));
  EXPECT_EQ(decisions()[0].time_us, next_us);
}

TEST_F(AgentRunnerTest, ACircleOfEventsEnds) {
  actor_.on_act = [this](const Order& order) {
    (void)ledger_->add({.type = order.action.args["type"], .depth = order.depth});
    runner_->look();
  };
  start_ready(
      "  - {name: a, on: {event: {type: x}}, do: [{emit: {type: y}}], guard: {max_per_hour: "
      "1000}}\n"
      "  - {name: b, on: {event: {type: y}}, do: [{emit: {type: x}}], guard: {max_per_hour: "
      "1000}}\n");
  emit("x");
  ASSERT_TRUE(decided(17, "refused"));
  EXPECT_THAT(decisions()[0].reason, HasSubstr("is that a circle?"));
}

TEST_F(AgentRunnerTest, AnActorThatThrowsFailsTheDecisionAndNothingElse) {
  actor_.on_act = [](const Order& order) {
    if (order.action.args["type"] == "bad") throw std::runtime_error("it cannot");
  };
  start_ready(
      "  - {name: a, on: {event: {type: x}}, do: [{emit: {type: \"${{ event.payload.type }}\"}}], "
      "guard: {max_per_hour: 9}}\n");
  emit("x", {{"type", "bad"}});
  ASSERT_TRUE(decided(1, "failed"));
  EXPECT_EQ(decisions()[0].reason, "it cannot");
  emit("x", {{"type", "good"}});
  ASSERT_TRUE(decided(2, "done"));
}

TEST_F(AgentRunnerTest, ASampleThatItsStrategyFailsOfIsTriedAgain) {
  start_ready(
      "  - {name: a, on: {metric: {name: loss, above: 3}}, strategy: {uses: test.asker}, allow: "
      "[emit]}\n");
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex_);
    return take_ != nullptr;
  }));
  take_({{"name", "loss"}, {"labels", json::object()}, {"time_us", now_us_.load()}, {"value", 9}});
  ASSERT_TRUE(decided(1, "done"));
}

TEST_F(AgentRunnerTest, WhatHappensWhileNobodyIsThereIsSeenAlsoByARuleThatNeverFired) {
  const std::string rules = "  - {name: a, on: {event: {type: x}}, do: [{emit: {type: y}}]}\n";
  start_ready(rules);
  runner_.reset();
  emit("x");
  start(rules);
  ASSERT_TRUE(decided(1, "done"));
}

TEST_F(AgentRunnerTest, WhilePausedNothingWakesItAndWhatHappenedIsPassedOver) {
  start_ready("  - {name: a, on: {event: {type: x}}, do: [{emit: {type: y}}]}\n");
  runner_->pause(true);
  ASSERT_TRUE(eventually([&] { return runner_->is_paused(); }));
  emit("x");
  runner_->pause(false);
  ASSERT_TRUE(eventually([&] { return !runner_->is_paused(); }));
  emit("x");
  ASSERT_TRUE(decided(1, "done"));
}

/// What a turn costs does not depend on how many timers there are that are not due.
TEST_F(AgentRunnerTest, ManyTimersCostNothingUntilTheyAreDue) {
  std::string rules;
  const char* const many = ::getenv("SCANFLOW_TIMERS");
  const int timers = many == nullptr ? 2000 : std::stoi(many);
  for (int i = 0; i < timers; ++i)
    rules += fmt::format(
        "  - {{name: t{}, on: {{interval: {{every: {}s}}}}, do: [{{emit: {{type: x}}}}]}}\n", i,
        3600 + i);
  start(rules);
  const auto started = std::chrono::steady_clock::now();
  ASSERT_TRUE(
      eventually([&] { return runner_->rules().size() == static_cast<std::size_t>(timers); },
                 std::chrono::minutes(10)));
  (void)runner_->settle();
  RecordProperty("start_s",
                 std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
  const auto begun = std::chrono::steady_clock::now();
  constexpr int kTurns = 200;
  for (int i = 0; i < kTurns; ++i) (void)runner_->settle();
  const double each_us =
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count() /
      kTurns;
  RecordProperty("turn_us", fmt::format("{:.1f}", each_us));
  EXPECT_LT(each_us, 2000) << "of a turn in which nothing is due";
  now_us_ += 3605 * kSecond;
  (void)runner_->settle();
  EXPECT_EQ(decisions().size(), 6U) << "3600 to 3605";
}

TEST_F(AgentRunnerTest, WhatADecisionDidToItsGoalIsLookedAtLaterAlsoAfterARestart) {
  const std::string rules =
      "  - {name: r, on: {event: {type: go}}, do: [{emit: {type: x}}], goal: {value: \"${{ "
      "metrics.last('accuracy') }}\", after: 10s}}\n";
  start_ready(rules);
  emit("go");
  ASSERT_TRUE(decided(1, "done"));
  EXPECT_EQ(decisions()[0].evidence.at("goal"), (json{{"before", 0.5}}));
  start_ready(rules);  // anew
  move(9 * kSecond);
  (void)runner_->settle();
  EXPECT_FALSE(decisions()[0].evidence.at("goal").contains("after"));
  move(kSecond);
  (void)runner_->settle();
  EXPECT_EQ(decisions()[0].evidence.at("goal"),
            (json{{"before", 0.5}, {"after", 0.5}, {"after_us", 10 * kSecond}}));
}

}  // namespace
}  // namespace scanflow::control
