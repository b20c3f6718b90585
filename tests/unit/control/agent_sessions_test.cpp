// A server's side of an agent that a process runs: a real store; the lease's clock is moved by hand.
#include "engine/control/agent_sessions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "engine/control/session_messages.hpp"
#include "sdk/base/uuid.hpp"
#include "tests/support/temp_dir.hpp"

namespace scanflow::control {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

/// Does all at once, and once.
class DoingActor final : public Actor {
 public:
  void act(const Order& order, std::function<void(Outcome)> then) override {
    if (orders.empty() || orders.back().id != order.id) orders.push_back(order);
    then({"DONE", "", {{"n", orders.size()}}});
  }
  std::vector<Order> orders;
};

class AgentSessionsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = store::Store::open(files_.path(), store::Durability::process);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    ledger_.emplace(*store_);
    sessions_ = std::make_shared<AgentSessions>(options(), *ledger_, actor_, *writing_);
  }
  void TearDown() override { writing_->join(); }

  AgentSessions::Options options() {
    auto spec = std::make_shared<pipeline::AgentSpec>();
    spec->name_space = "mnist";
    spec->name = "checker";
    spec->runs = pipeline::AgentRuns::process;
    pipeline::AgentRule rule;
    rule.name = "tell";
    rule.on.uses = "event";
    rule.allow = {"emit"};
    spec->rules.push_back(rule);
    rule.name = "gate";
    rule.on.uses = "submit";
    rule.allow = {"admit"};
    spec->rules.push_back(rule);
    AgentSessions::Options options;
    options.agent.spec = std::move(spec);
    options.agent.clock = [] { return std::int64_t{1'000'000'000}; };
    options.agent.log = [](const std::string&) {};
    options.agent.watching = [this](const json&, const AgentRunner::TakeSample& take) {
      takes_.push_back(take);
    };
    options.version = version_;
    options.watches = [this](const pipeline::AgentRule& of) -> Result<std::vector<json>> {
      if (of.name == "tell") return watches_;
      return fail("its plugin is not there");
    };
    options.unwatch = [this] { takes_.clear(); };
    options.monotonic = [this] { return now_us_.load(); };
    return options;
  }
  std::string open() {
    const auto opened = sessions_->open({{"host", "here"}, {"pid", 7}});
    return opened ? opened->at("session").get<std::string>() : "";
  }
  static Decision decided(const std::string& primitive, const std::string& state = "acting") {
    static std::int64_t ms = 1;
    Decision made;
    made.id = uuid_v7(++ms);
    made.time_us = 1'000'000'000;
    made.state = state;
    made.actions = {{.primitive = primitive}};
    return made;
  }
  Allowed<json> commit(const std::string& session, std::uint64_t number, const std::string& rule,
                       const std::vector<Decision>& decisions, std::int64_t seen = 5) {
    return sessions_->call(session, {{"op", "commit"},
                                     {"number", number},
                                     {"rule", rule},
                                     {"state", to_json(RuleState{.seen = seen})},
                                     {"decisions", to_message(decisions)}});
  }
  Allowed<json> watch(const std::string& session, std::uint64_t number, const json& what) {
    return sessions_->call(session, {{"op", "watch"}, {"watch", number}, {"what", what}});
  }
  std::int64_t happen(const std::string& type, int depth) {
    return ledger_->add({.type = type, .source = "me", .time_us = 1, .depth = depth}).value();
  }
  /// One submission, of which the process is told: its number.
  std::uint64_t submitted(const std::string& session, std::uint64_t after = 0) {
    json told = news(session, after);
    while (told.empty()) told = news(session, after);
    EXPECT_EQ(told.back().at("type"), "submitted");
    return told.back().at("submission");
  }
  /// What is new, at once.
  json news(const std::string& session, std::uint64_t after = 0) {
    json told;
    const auto waiting = sessions_->news(session, {{"after", after}, {"rules", json::array()}},
                                         [&](Allowed<json> answer) {
                                           if (answer) told = answer->at("news");
                                         });
    sessions_->hush(waiting);
    return told;
  }

  test::TempDir files_;
  std::unique_ptr<store::Store> store_;
  std::optional<Ledger> ledger_;
  DoingActor actor_;
  std::unique_ptr<boost::asio::thread_pool> writing_ =
      std::make_unique<boost::asio::thread_pool>(1);
  std::atomic<std::int64_t> now_us_ = 1;
  std::uint32_t version_ = 1;
  std::vector<json> watches_{{{"source", "samples"}, {"name", "loss"}, {"labels", json::object()}},
                             {{"source", "events"}, {"type", "drift.*"}}};
  std::vector<AgentRunner::TakeSample> takes_;
  std::shared_ptr<AgentSessions> sessions_;
};

TEST_F(AgentSessionsTest, OneHasTheLeaseUntilItSaysNothingForAsLongAsItLasts) {
  const std::string first = open();
  ASSERT_NE(first, "");
  EXPECT_EQ(sessions_->open({}).error().why, Refusal::Why::held);
  now_us_ += AgentSessions::kLeaseUs - 1;
  EXPECT_TRUE(sessions_->call(first, {{"op", "newest"}})) << "it is renewed by that";
  now_us_ += AgentSessions::kLeaseUs - 1;
  EXPECT_EQ(open(), "");
  now_us_ += 1;
  const std::string second = open();
  ASSERT_NE(second, "");
  EXPECT_EQ(commit(first, 1, "tell", {decided("emit")}).error().why, Refusal::Why::stale);
  EXPECT_THAT(ledger_->decisions({}).value(), testing::IsEmpty());
  EXPECT_TRUE(commit(second, 1, "tell", {decided("emit")}));
  EXPECT_TRUE(sessions_->close(second));
  EXPECT_NE(open(), "") << "it was given back";
}

TEST_F(AgentSessionsTest, OneThatHasLapsedIsOverAndWatchesNothingMore) {
  const auto is_watched = [this] {
    writing_->join();  // where it ends
    const bool watched = !takes_.empty();
    writing_ = std::make_unique<boost::asio::thread_pool>(1);
    sessions_ = std::make_shared<AgentSessions>(options(), *ledger_, actor_, *writing_);
    return watched;
  };
  const auto lapsed = [this] {
    const std::string session = open();
    EXPECT_TRUE(watch(session, 1, watches_[0]));
    now_us_ += AgentSessions::kLeaseUs;
    return session;
  };
  const std::string asks = lapsed();
  EXPECT_EQ(commit(asks, 1, "tell", {}).error().why, Refusal::Why::stale);
  EXPECT_FALSE(is_watched()) << "its process asked";
  lapsed();
  EXPECT_TRUE(sessions_->run_by().is_null());
  EXPECT_FALSE(is_watched()) << "a person asked";
  lapsed();
  const auto take = takes_[0];
  take({{"value", 1}});
  EXPECT_FALSE(is_watched()) << "there was a sample";
  lapsed();
  EXPECT_NE(open(), "");
  EXPECT_FALSE(is_watched()) << "another one took it";
}

TEST_F(AgentSessionsTest, ACommitThatIsAskedAgainIsDoneOnce) {
  const std::string session = open();
  const Decision decision = decided("emit");
  ASSERT_TRUE(commit(session, 1, "tell", {decision}));
  const auto again = commit(session, 1, "tell", {decision});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->at("decisions")[0].at("state"), "acting");
  EXPECT_EQ(commit(session, 2, "tell", {decision}).error().why, Refusal::Why::wrong)
      << "an id is taken once";
  const auto states = ledger_->rules("mnist/checker").value();
  EXPECT_EQ(states.at("tell").seen, 5);
  EXPECT_THAT(states.at("tell").guard.to_json(), SizeIs(1)) << "whatever the process says of it";
}

TEST_F(AgentSessionsTest, AnActionIsDoneAndItsEndIsToldUntilItIsHeard) {
  const std::string session = open();
  const Decision decision = decided("emit");
  ASSERT_TRUE(commit(session, 1, "tell", {decision}));
  writing_->join();
  EXPECT_EQ(ledger_->decision(decision.id).value()->state, "done");
  const json told = news(session);
  ASSERT_THAT(told, SizeIs(1)) << told;
  EXPECT_EQ(told[0].at("order"), decision.id + "-0");
  EXPECT_EQ(told[0].at("outcome").at("outcome"), "DONE");
  EXPECT_EQ(news(session), told);
  EXPECT_THAT(news(session, told[0].at("number")), SizeIs(0));
  ASSERT_TRUE(sessions_->call(session, {{"op", "act"}, {"decision", decision.id}, {"action", 0}}));
  EXPECT_EQ(news(session)[0].at("outcome"), told[0].at("outcome")) << "whoever asks is told";
  ASSERT_THAT(actor_.orders, SizeIs(1));
  EXPECT_EQ(actor_.orders[0].agent, "mnist/checker");
}

TEST_F(AgentSessionsTest, WhatItMayNotDoIsNotDone) {
  const std::string session = open();
  const Decision decision = decided("run_pipeline");
  ASSERT_TRUE(commit(session, 1, "tell", {decision}));
  const auto acted =
      sessions_->call(session, {{"op", "act"}, {"decision", decision.id}, {"action", 0}});
  ASSERT_FALSE(acted);
  EXPECT_THAT(acted.error().message, HasSubstr("does not act: it is refused"));
  Decision others = decided("emit");
  others.agent = "other/agent";
  ASSERT_TRUE(ledger_->update(others));
  EXPECT_FALSE(sessions_->call(session, {{"op", "act"}, {"decision", others.id}, {"action", 0}}));
  EXPECT_THAT(actor_.orders, SizeIs(0));
}

TEST_F(AgentSessionsTest, ARunIsAdmittedByWhatIsDecidedOfItMeanwhile) {
  const std::string session = open();
  std::vector<DecidedAction> admitted;
  std::thread submits([&] {
    admitted = sessions_->admit({{"name", "x"}}, std::chrono::seconds(20)).value();
  });
  const std::uint64_t number = submitted(session);
  const auto of = [](Decision decision, std::uint64_t submission) {
    decision.submission = submission;
    return decision;
  };
  EXPECT_TRUE(commit(session, 1, "gate", {of(decided("emit", "done"), number)}));
  EXPECT_TRUE(commit(session, 2, "gate", {of(decided("admit", "done"), number)}));
  EXPECT_TRUE(commit(session, 3, "gate", {of(decided("admit", "done"), number - 1)}));
  EXPECT_TRUE(commit(session, 4, "gate", {decided("admit", "done")}));
  EXPECT_TRUE(sessions_->call(session, {{"op", "admitted"}, {"submission", number}}));
  submits.join();
  ASSERT_THAT(admitted, SizeIs(1)) << "what was refused is not among them, nor what is of others";
  EXPECT_EQ(admitted[0].primitive, "admit");
  sessions_->pause(true);
  EXPECT_THAT(sessions_->admit({}, std::chrono::seconds(20)).value(), SizeIs(0));
}

TEST_F(AgentSessionsTest, SamplesAreOfTheSessionThatWatches) {
  const std::string session = open();
  ASSERT_TRUE(watch(session, 3, watches_[0]));
  ASSERT_TRUE(watch(session, 3, watches_[0]));
  ASSERT_THAT(takes_, SizeIs(1)) << "asked again, since the answer was lost";
  const auto take = takes_[0];
  for (std::size_t i = 0; i < AgentSessions::kMostSamples + 5; ++i) take({{"value", i}});
  const json told = news(session);
  ASSERT_THAT(told, SizeIs(AgentSessions::kMostSamples));
  EXPECT_EQ(told[0].at("sample").at("value"), 5) << "the oldest are passed over";
  EXPECT_EQ(told[0].at("watch"), 3);
  ASSERT_TRUE(sessions_->close(session));
  EXPECT_THAT(takes_, SizeIs(0));
  const std::string next = open();
  take({{"value", 1}});
  EXPECT_THAT(news(next), SizeIs(0));
}

TEST_F(AgentSessionsTest, NewsOfOneThatDoesNotListenHaveAnEnd) {
  const std::string session = open();
  ASSERT_TRUE(watch(session, 3, watches_[0]));
  const auto take = takes_[0];
  for (std::size_t i = 0; i < 2 * AgentSessions::kMostSamples; ++i) {
    sessions_->look();
    take({{"value", i}});
  }
  const json told = news(session);
  EXPECT_THAT(told, SizeIs(AgentSessions::kMostSamples + 1));
  EXPECT_THAT(news(session, told.back().at("number")), SizeIs(0));
}

TEST_F(AgentSessionsTest, ItWatchesWhatItsTriggersWatchAndNothingElse) {
  const std::string session = open();
  const std::vector<json> others = {
      {{"source", "objects"},
       {"object", "secrets.v1"},
       {"namespace", "*"},
       {"labels", ""},
       {"path", "{.data}"}},
      {{"source", "samples"}, {"name", "others"}, {"labels", json::object()}},
      {{"source", "samples"}, {"name", "loss"}, {"labels", {{"run", "x"}}}},
      {{"source", "objects"}},
      {{"source", 7}},
      json::object(),
      7};
  for (std::size_t i = 0; i < others.size(); ++i)
    EXPECT_EQ(watch(session, i, others[i]).error().why, Refusal::Why::wrong) << others[i];
  EXPECT_FALSE(sessions_->call(session, {{"op", "watch"}, {"watch", 9}}));
  EXPECT_FALSE(sessions_->call(session, {{"op", "watch"}, {"watch", "x"}, {"what", watches_[0]}}));
  EXPECT_THAT(takes_, SizeIs(0));
  EXPECT_TRUE(watch(session, 9, watches_[0]));
  EXPECT_THAT(takes_, SizeIs(1));
}

TEST_F(AgentSessionsTest, AVersionWatchesUntilItsProcessHasBegunTheNextOne) {
  const std::string session = open();
  ASSERT_TRUE(watch(session, 1, watches_[0]));
  version_ = 2;
  watches_[0]["name"] = "accuracy";
  sessions_->take(options());
  EXPECT_THAT(takes_, SizeIs(1)) << "it may not be able to read it";
  EXPECT_EQ(news(session).at(0).at("version"), 2);
  EXPECT_FALSE(sessions_->call(session, {{"op", "begin"}, {"version", 3}}));
  EXPECT_THAT(takes_, SizeIs(1));
  ASSERT_TRUE(sessions_->call(session, {{"op", "begin"}, {"version", 2}}));
  EXPECT_THAT(takes_, SizeIs(0));
  ASSERT_TRUE(watch(session, 2, watches_[0]));
  ASSERT_TRUE(sessions_->call(session, {{"op", "begin"}, {"version", 2}})) << "asked again";
  EXPECT_THAT(takes_, SizeIs(1));
}

TEST_F(AgentSessionsTest, AGuardIsForgottenByNobodyButTheDocument) {
  const std::string session = open();
  ASSERT_TRUE(commit(session, 1, "tell", {decided("emit")}));
  ASSERT_TRUE(ledger_->keep("mnist/checker", {{"of-before", {}}}));
  ASSERT_TRUE(sessions_->call(session, {{"op", "keep_rules"}, {"rules", json::array()}}));
  const auto states = ledger_->rules("mnist/checker").value();
  ASSERT_THAT(states, SizeIs(1));
  EXPECT_THAT(states.at("tell").guard.to_json(), SizeIs(1));
}

TEST_F(AgentSessionsTest, AStateIsNotSetBack) {
  const std::string session = open();
  ASSERT_TRUE(commit(session, 1, "tell", {}));
  const json old = to_json(RuleState{.trigger_state = "old", .seen = 4});
  ASSERT_TRUE(sessions_->call(session, {{"op", "keep"}, {"states", {{"tell", old}}}}));
  EXPECT_EQ(ledger_->rules("mnist/checker")->at("tell").trigger_state, "");
  ASSERT_TRUE(commit(session, 2, "tell", {}, 3));
  EXPECT_EQ(ledger_->rules("mnist/checker")->at("tell").seen, 5);
}

TEST_F(AgentSessionsTest, ADecisionIsDeeperThanWhatLedToItWhateverItSays) {
  const std::string session = open();
  auto depth = [&, number = std::uint64_t{0}](std::int64_t seen) mutable {
    const auto kept = commit(session, ++number, "tell", {decided("emit")}, seen);
    EXPECT_TRUE(kept) << kept.error().message;
    return kept ? kept->at("decisions")[0].at("depth").get<int>() : 0;
  };
  EXPECT_EQ(depth(0), 1) << "nothing has happened";
  const auto outside = happen("drift.a", 0);
  const auto other = happen("other", 0);
  const auto deep = happen("drift.b", 7);
  const auto newest = happen("other", 12);
  EXPECT_EQ(depth(outside), 1);
  EXPECT_EQ(depth(outside), 8) << "once: it may be of any other";
  EXPECT_EQ(depth(other), 8) << "it does not wait for that";
  EXPECT_EQ(depth(deep), 8);
  EXPECT_EQ(depth(newest + 100), 8) << "that did not happen";
}

TEST_F(AgentSessionsTest, OneThatHasEndedServesNobody) {
  const std::string session = open();
  json answer = "none";
  sessions_->news(session, {{"after", 0}},
                  [&](Allowed<json> told) { answer = told ? *told : json(); });
  sessions_->end();
  EXPECT_EQ(answer.at("news"), json::array()) << "whoever waits is answered";
  EXPECT_EQ(sessions_->call(session, {{"op", "newest"}}).error().why, Refusal::Why::stale);
  EXPECT_FALSE(sessions_->open({}));
}

}  // namespace
}  // namespace scanflow::control
