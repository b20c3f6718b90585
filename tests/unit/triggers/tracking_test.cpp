// Triggers of what is tracked and registered.
#include <gmock/gmock.h>

#include <scanflow/testing.hpp>

#include "plugins/triggers/tracking/model_version.hpp"
#include "plugins/triggers/tracking/tracked_runs.hpp"

namespace scanflow::triggers {
namespace {

using nlohmann::json;

template <class Trigger>
class Woken {
 public:
  explicit Woken(json config) : config_(std::move(config)) {}
  /// What it fires with.
  std::vector<json> tell(const std::string& type, const json& payload) {
    const auto result = harness_.wake<Trigger>(
        config_, {.reason = WakeReason::event,
                  .now_us = 7,
                  .event = {{"type", type}, {"time_us", 5}, {"payload", payload}},
                  .state = state_});
    EXPECT_TRUE(result.ok()) << result.told.error;
    if (result.wake.state) state_ = *result.wake.state;
    return result.wake.fires;
  }
  bool is_refused() { return !harness_.wake<Trigger>(config_, {.reason = WakeReason::start}).ok(); }

 private:
  scanflow::testing::Harness harness_;
  json config_;
  std::string state_;
};

json run(const std::string& id, double accuracy, const std::string& model = "cnn1") {
  return {{"id", id},
          {"experiment", "science/train"},
          {"name", "n"},
          {"status", "FINISHED"},
          {"metrics", {{"accuracy", accuracy}}},
          {"params", {{"model", model}}}};
}

TEST(ModelVersion, FiresForItsModelAlone) {
  Woken<ModelVersionTrigger> woken(json{{"model", "mnist_*"}});
  EXPECT_TRUE(woken.tell("model.version", {{"name", "other"}, {"version", 1}}).empty());
  const auto fires = woken.tell("model.version", {{"name", "mnist_cnn"}, {"version", 4}});
  ASSERT_EQ(fires.size(), 1U);
  EXPECT_EQ(fires[0].dump(), R"({"name":"mnist_cnn","time_us":5,"version":4})");
}

TEST(ModelVersion, FollowsAnAlias) {
  Woken<ModelVersionTrigger> woken(json{{"model", "m"}, {"alias", "champion"}});
  EXPECT_TRUE(
      woken.tell("model.alias", {{"name", "m"}, {"alias", "shadow"}, {"version", 2}}).empty());
  EXPECT_EQ(
      woken.tell("model.alias", {{"name", "m"}, {"alias", "champion"}, {"version", 2}}).size(), 1U);
  EXPECT_TRUE(Woken<ModelVersionTrigger>(json{{"model", "a*b"}}).is_refused());
}

TEST(TrackedRuns, FiresForEachSoMany) {
  Woken<TrackedRunsTrigger> woken(
      json{{"experiments", {"science/*"}}, {"count", 3}, {"order", "accuracy"}});
  EXPECT_TRUE(woken.tell("tracked_run.ended", run("a", 0.7)).empty());
  EXPECT_TRUE(woken.tell("tracked_run.ended", run("b", 0.9)).empty());
  const auto fires = woken.tell("tracked_run.ended", run("c", 0.8));
  ASSERT_EQ(fires.size(), 1U);
  std::string order;
  for (const json& each : fires[0].at("runs")) order += each.at("id").get<std::string>();
  EXPECT_EQ(order, "bca") << "the best first";
  EXPECT_TRUE(woken.tell("tracked_run.ended", run("d", 0.8)).empty()) << "it counts anew";
}

TEST(TrackedRuns, PassesOverWhatIsNotMeant) {
  Woken<TrackedRunsTrigger> woken(json{{"experiments", {"science/train"}},
                                       {"metrics", {{"accuracy", {{"above", 0.8}, {"below", 1}}}}},
                                       {"params", {{"model", "cnn2"}}}});
  EXPECT_TRUE(woken.tell("tracked_run.ended", run("a", 0.9, "cnn1")).empty());
  EXPECT_TRUE(woken.tell("tracked_run.ended", run("b", 0.8, "cnn2")).empty());
  json failed = run("c", 0.9, "cnn2");
  failed["status"] = "FAILED";
  EXPECT_TRUE(woken.tell("tracked_run.ended", failed).empty());
  json other = run("d", 0.9, "cnn2");
  other["experiment"] = "science/train2";
  EXPECT_TRUE(woken.tell("tracked_run.ended", other).empty());
  EXPECT_EQ(woken.tell("tracked_run.ended", run("e", 0.9, "cnn2")).size(), 1U);
}

TEST(TrackedRuns, AsManyAsMayWaitFitIntoTheState) {
  Woken<TrackedRunsTrigger> woken(json{{"experiments", {"*"}}, {"count", 100}});
  json large = run("x", 1);
  for (int i = 0; i < 200; ++i) large["params"]["p" + std::to_string(i)] = std::string(50, 'v');
  for (int i = 0; i < 99; ++i) EXPECT_TRUE(woken.tell("tracked_run.ended", large).empty());
  EXPECT_EQ(woken.tell("tracked_run.ended", large).size(), 1U);
}

TEST(TrackedRuns, ALimitMustBeOne) {
  for (const json& wrong :
       {json("high"), json{{"over", 1}}, json::object(), json{{"above", "x"}}}) {
    Woken<TrackedRunsTrigger> woken(
        json{{"experiments", {"*"}}, {"metrics", {{"accuracy", wrong}}}});
    EXPECT_TRUE(woken.is_refused()) << wrong;
  }
}

}  // namespace
}  // namespace scanflow::triggers
