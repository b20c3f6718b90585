// retrain, over hours: drift, good candidates, poisoned ones, and those that only the gate takes for good.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "plugins/common/random.hpp"
#include "plugins/strategies/retrain/retrain_strategy.hpp"
#include "tests/unit/strategies/asker.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const json kRetrain = {{"pipeline", "science/mnist-train@3"},
                       {"params", {{"epochs", 2}}},
                       {"agent", "engineering/planner"},
                       {"model", "cnn"}};

/// Tells it what happens, at times that go on by a second, and says what it asks for in words.
class RetrainAsked : public ::testing::Test {
 protected:
  using Said = std::vector<std::string>;

  Said look(json evidence) {
    now_us += kSecondUs;
    if (!evidence.contains("time_us")) evidence["time_us"] = now_us;
    Said said;
    for (const Action& each : asker.ask(now_us, evidence)) {
      EXPECT_EQ(each.target, json::object());
      const json payload = each.args.value("payload", json::object());
      if (each.primitive == "promote_model") {
        EXPECT_EQ(each.args["name"], "cnn");
        EXPECT_EQ(each.args["alias"], "champion");
        said.push_back("promote " + each.args["version"].get<std::string>());
      } else if (each.primitive == "emit") {
        EXPECT_EQ(payload["model"], "cnn");
        said.push_back(each.args["type"].get<std::string>() + " " + payload.value("why", ""));
      } else {
        EXPECT_EQ(each.primitive, "run_pipeline");
        EXPECT_EQ(each.args,
                  (json{{"pipeline", "science/mnist-train@3"}, {"params", {{"epochs", 2}}}}));
        said.push_back("run");
      }
      last = each.args;
    }
    EXPECT_EQ(asker.error, "");
    return said;
  }
  Said drift() { return look({{"type", "data.drifted"}, {"payload", json::object()}}); }
  Said see(double quality) { return look({{"see", {{"quality", quality}}}}); }
  static json end_of(const json& outputs, const json& more = json::object()) {
    json payload = {{"run", "r-1"},           {"name", "mnist-train"},
                    {"namespace", "science"}, {"status", "succeeded"},
                    {"outputs", outputs},     {"agent", "engineering/planner"}};
    payload.update(more);
    return {{"type", "run.ended"}, {"source", "engine"}, {"payload", payload}};
  }
  static json gate_of(double candidate, double baseline, int samples = 2000) {
    return {{"candidate", candidate},
            {"baseline", baseline},
            {"samples", samples},
            {"version", 4},
            {"serving", "3"}};
  }

  std::int64_t now_us = kHourUs;
  json last;
  Asker<RetrainStrategy> asker{kRetrain};
};

TEST_F(RetrainAsked, ADriftIsAnsweredWithARunAndABetterCandidateIsPromoted) {
  EXPECT_THAT(look({{"type", "data.loaded"}}), IsEmpty());
  EXPECT_THAT(drift(), ElementsAre("run"));
  EXPECT_THAT(look(end_of(gate_of(0.93, 0.60))), ElementsAre("promote 4"));
  EXPECT_THAT(look(end_of(gate_of(0.99, 0.60))), IsEmpty()) << "nobody asked for that one";
}

TEST_F(RetrainAsked, APoisonedCandidateIsRefused) {
  for (const json& outputs : {gate_of(0.42, 0.90), gate_of(0.90, 0.90), gate_of(0.905, 0.90),
                              gate_of(1.7, 0.90), gate_of(0.99, 0.90, 50), gate_of(0.99, -1)}) {
    ASSERT_THAT(drift(), ElementsAre("run"));
    EXPECT_THAT(look(end_of(outputs)), ElementsAre(HasSubstr("retraining.refused"))) << outputs;
    EXPECT_EQ(last["payload"]["candidate"], outputs["candidate"]);
    EXPECT_EQ(last["payload"]["baseline"], outputs["baseline"]);
    EXPECT_EQ(last["payload"]["run"], "r-1");
  }
}

TEST_F(RetrainAsked, WhatItsRunDoesNotSayIsNoReasonToPromote) {
  for (const char* missing : {"candidate", "baseline", "samples", "version"}) {
    json outputs = gate_of(0.95, 0.60);
    outputs.erase(missing);
    ASSERT_THAT(drift(), ElementsAre("run"));
    EXPECT_THAT(look(end_of(outputs)), ElementsAre(HasSubstr("does not say"))) << missing;
  }
  json same = gate_of(0.95, 0.60);
  same["serving"] = 4;
  ASSERT_THAT(drift(), ElementsAre("run"));
  EXPECT_THAT(look(end_of(same)), ElementsAre(HasSubstr("version 4 serves already")));
  json first = gate_of(0.95, 0.60);
  first["serving"] = first["baseline"] = nullptr;
  ASSERT_THAT(drift(), ElementsAre("run"));
  EXPECT_THAT(look(end_of(first)), ElementsAre("promote 4")) << "nothing serves yet";
  EXPECT_THAT(drift(), ElementsAre("run")) << "there is nothing to go back to, nor to watch";
}

TEST_F(RetrainAsked, OnlyItsOwnRunsAreMeant) {
  ASSERT_THAT(drift(), ElementsAre("run"));
  const json good = gate_of(0.95, 0.60);
  EXPECT_THAT(look(end_of(good, {{"name", "other"}})), IsEmpty());
  EXPECT_THAT(look(end_of(good, {{"namespace", "other"}})), IsEmpty());
  EXPECT_THAT(look(end_of(good, {{"agent", "engineering/other"}})), IsEmpty());
  EXPECT_THAT(look(end_of(good, {{"agent", ""}})), IsEmpty());
  json early = end_of(good);
  early["time_us"] = kHourUs;
  EXPECT_THAT(look(early), IsEmpty()) << "it ended before this was asked for";
  EXPECT_THAT(look(end_of(good)), ElementsAre("promote 4"));
}

TEST_F(RetrainAsked, ARunThatFailsOrNeverEndsIsToldOf) {
  for (const char* status : {"failed", "cancelled", "skipped"}) {
    ASSERT_THAT(drift(), ElementsAre("run"));
    EXPECT_THAT(look(end_of(nullptr, {{"status", status}})),
                ElementsAre(std::string("retraining.failed its run ended as ") + status));
  }
  ASSERT_THAT(drift(), ElementsAre("run"));
  now_us += 6 * kHourUs - 2 * kSecondUs;
  EXPECT_THAT(look(json::object()), IsEmpty());
  EXPECT_THAT(look(json::object()), ElementsAre(HasSubstr("retraining.failed nobody has told")));
  EXPECT_THAT(drift(), ElementsAre("run"));
}

TEST_F(RetrainAsked, ADriftMeanwhileIsRememberedOnce) {
  ASSERT_THAT(drift(), ElementsAre("run"));
  EXPECT_THAT(drift(), IsEmpty());
  EXPECT_THAT(drift(), IsEmpty());
  EXPECT_THAT(look(end_of(gate_of(0.5, 0.9))), ElementsAre(HasSubstr("retraining.refused"), "run"));
  EXPECT_THAT(look(end_of(gate_of(0.95, 0.9))), ElementsAre("promote 4"));
  EXPECT_THAT(drift(), IsEmpty()) << "it watches";
  now_us += 10 * kMinuteUs;
  EXPECT_THAT(look(json::object()), ElementsAre("run")) << "it has watched for long enough";
}

TEST_F(RetrainAsked, WhatProvesWorseIsRolledBack) {
  ASSERT_THAT(drift(), ElementsAre("run"));
  for (const double quality : {0.80, 0.82, 0.81}) EXPECT_THAT(see(quality), IsEmpty());
  ASSERT_THAT(look(end_of(gate_of(0.95, 0.80))), ElementsAre("promote 4"));
  for (const double quality : {0.55, 0.57, 0.56, 0.55}) EXPECT_THAT(see(quality), IsEmpty());
  EXPECT_THAT(see(0.56), ElementsAre("promote 3", "model.rolled_back "));
  EXPECT_EQ(last["payload"]["from"], "4");
  EXPECT_EQ(last["payload"]["to"], "3");
  EXPECT_NEAR(last["payload"]["after"].get<double>(), 0.558, 1e-9);
  EXPECT_THAT(see(0.1), IsEmpty());
}

TEST(Retrain, RestsAndTakesOtherNames) {
  json config = kRetrain;
  config.update({{"rest", "1h"},
                 {"start_on", "drift.*"},
                 {"pipeline", "train"},
                 {"agent", ""},
                 {"candidate", "gate.accuracy"}});
  Asker<RetrainStrategy> asker(config);
  const json drift = {{"type", "drift.large"}}, other = {{"type", "data.drifted"}};
  EXPECT_TRUE(asker.ask(kHourUs, other).empty());
  EXPECT_EQ(asker.ask(kHourUs, drift).size(), 1U) << asker.error;
  const json outputs = {{"gate", {{"accuracy", 0.97}}},
                        {"baseline", 0.9},
                        {"samples", 1000},
                        {"version", "v4"},
                        {"serving", "v3"}};
  const json payload = {{"name", "train"},       {"namespace", "any"}, {"agent", "a/b"},
                        {"status", "succeeded"}, {"outputs", outputs}, {"run", "r"}};
  const json end = {{"type", "run.ended"}, {"time_us", kHourUs + 1}, {"payload", payload}};
  const auto actions = asker.ask(kHourUs + kMinuteUs, end);
  ASSERT_EQ(actions.size(), 1U) << asker.error;
  EXPECT_EQ(actions[0].args["version"], "v4");
  EXPECT_TRUE(asker.ask(kHourUs + 30 * kMinuteUs, drift).empty()) << "it rests";
  EXPECT_EQ(asker.ask(2 * kHourUs, json::object()).size(), 1U) << "what it has remembered";
  for (const json& wrong : {json{{"watch", "long"}}, json{{"within", "0s"}}, json{{"params", 3}},
                            json{{"start_on", "a*b"}}, json{{"start_on", ""}}}) {
    json bad = kRetrain;
    bad.update(wrong);
    EXPECT_TRUE(refuses<RetrainStrategy>(bad)) << wrong;
  }
}

/// Drift, a training of two minutes, and 60 looks at what serves afterwards, each the share of 200 answers that were right.
struct Life {
  bool promoted = false, rolled_back = false;
  int looks = 0;  // until it was rolled back
};

Life live_through(std::uint64_t seed, double serves, double candidate, double on_gate) {
  data::Random random(seed);
  const auto share = [&](double accuracy, int answers) {
    int right = 0;
    for (int i = 0; i < answers; ++i) right += random.uniform() < accuracy;
    return static_cast<double>(right) / answers;
  };
  constexpr int kGateSet = 1000;
  Retraining state;
  Life life;
  std::int64_t now_us = kHourUs;
  const auto tell = [&](const Happened& happened) {
    now_us += 10 * kSecondUs;
    state = Retraining::read(now_us == kHourUs + 10 * kSecondUs ? "" : state.text());
    return state.decide({}, now_us, happened);
  };
  tell({true, std::nullopt, share(serves, 200)});
  for (int i = 0; i < 12; ++i) tell({false, std::nullopt, share(serves, 200)});
  const RunEnd end{
      "r", "succeeded", now_us, share(on_gate, kGateSet), share(serves, kGateSet), double{kGateSet},
      "4", "3"};
  for (const RetrainStep& each : tell({false, end, std::nullopt}))
    life.promoted = each.kind == RetrainStep::Kind::promote;
  for (int i = 1; i <= 60 && life.promoted && !life.rolled_back; ++i) {
    life.looks = i;
    life.rolled_back = !tell({false, std::nullopt, share(candidate, 200)}).empty();
  }
  return life;
}

struct Tally {
  double promoted = 0, rolled_back = 0, looks = 0;
};
Tally tally(double serves, double candidate, double on_gate) {
  constexpr int kLives = 400;
  Tally all;
  for (int seed = 1; seed <= kLives; ++seed) {
    const Life life = live_through(static_cast<std::uint64_t>(seed), serves, candidate, on_gate);
    all.promoted += life.promoted;
    all.rolled_back += life.rolled_back;
    all.looks += life.rolled_back ? life.looks : 0;
  }
  all.looks /= std::max(1.0, all.rolled_back);
  all.rolled_back /= std::max(1.0, all.promoted);
  all.promoted /= kLives;
  std::cerr << "serves " << serves << ", candidate " << candidate << ", on the gate set " << on_gate
            << ": promoted " << 100 * all.promoted << " %, of those rolled back "
            << 100 * all.rolled_back << " % after " << all.looks << " looks\n";
  return all;
}

TEST(RetrainLives, WhatIsBetterStays) {
  const Tally all = tally(0.60, 0.90, 0.90);
  EXPECT_EQ(all.promoted, 1);
  EXPECT_EQ(all.rolled_back, 0);
}

TEST(RetrainLives, WhatIsNoBetterIsPromotedOnceInTwentyTimesAtMost) {
  EXPECT_LE(tally(0.90, 0.90, 0.90).promoted, 0.075) << "5 % and three deviations of 400 lives";
  EXPECT_EQ(tally(0.90, 0.50, 0.50).promoted, 0) << "poisoned";
}

TEST(RetrainLives, WhatTheGateWasFooledByIsRolledBackSoon) {
  const Tally all = tally(0.80, 0.50, 0.95);
  EXPECT_EQ(all.rolled_back, 1);
  EXPECT_LT(all.looks, 6) << "min_looks is 5";
  EXPECT_GE(tally(0.80, 0.72, 0.95).rolled_back, 0.9) << "8 % worse: within ten minutes";
}

TEST(RetrainLives, WhatIsAsGoodAsBeforeIsHardlyEverRolledBack) {
  EXPECT_LE(tally(0.80, 0.80, 0.95).rolled_back, 0.005);
  EXPECT_LE(tally(0.80, 0.78, 0.95).rolled_back, 0.05) << "just tolerated, looked at 60 times";
}

}  // namespace
}  // namespace scanflow::strategies
