// Commands as the author of a step tests them.
#include <gtest/gtest.h>

#include <scanflow/testing.hpp>
#include <thread>

namespace {

using nlohmann::json;
using scanflow::Context;
using scanflow::testing::Harness;
using scanflow::testing::Running;

class Train : public scanflow::Step {
 public:
  struct Rate {
    double learning_rate = 0;
    template <class V>
    void fields(V& f) {
      f("learning_rate", learning_rate).required().above(0);
    }
  };
  static scanflow::Description describe() { return {.id = "train", .version = "1.0.0"}; }
  static void commands(scanflow::Commands<Train>& offer) {
    offer.pausable(&Train::on_pause);
    offer.at_safe_point("set_param", "changes the learning rate", &Train::set_param);
    offer.at_safe_point("stop_early", "ends after this epoch", &Train::stop_early);
  }
  json run(Context& context) override {
    std::int64_t epoch = 0;
    for (; !stop_; ++epoch) {
      context.safe_point();
      context.log_metric("rate", rate_, epoch);
      std::this_thread::yield();
    }
    return {{"rate", rate_}};
  }

 private:
  void on_pause(Context& context, bool paused) { context.info(paused ? "paused" : "resumed"); }
  json set_param(Context& context, const Rate& rate) {
    context.info("a new rate");
    rate_ = rate.learning_rate;
    return {{"learning_rate", rate_}};
  }
  json stop_early(Context&) {
    stop_ = true;
    return nullptr;
  }
  double rate_ = 0.1;
  bool stop_ = false;
};

TEST(Steering, AStepIsCommandedWhileItRuns) {
  Harness harness;
  const auto result = harness.run<Train>(
      json::object(), {.beside = [](Running& step) {
        EXPECT_TRUE(step.command("pause").ok());
        EXPECT_TRUE(step.command("pause").ok()) << "again: nobody is told twice";
        const auto before = step.told().metrics.size();
        EXPECT_EQ(step.command("set_param", {{"learning_rate", 0.5}}).value["learning_rate"], 0.5);
        EXPECT_EQ(step.told().metrics.size(), before);
        EXPECT_EQ(step.command("set_param", {{"learning_rate", 0}}).error,
                  "arguments.learning_rate: 0.0 must be above 0");
        EXPECT_EQ(step.command("set_param").error,
                  "arguments.learning_rate: missing, and it has no default");
        EXPECT_EQ(step.command("explode").status, SCANFLOW_UNSUPPORTED);
        EXPECT_TRUE(step.command("resume").ok());
        EXPECT_TRUE(step.command("stop_early").ok());
      }});
  EXPECT_TRUE(result.ok()) << result.told.error;
  EXPECT_EQ(result.outputs["rate"], 0.5);
  EXPECT_EQ(result.told.log, (std::vector<std::string>{"paused", "a new rate", "resumed"}));
}

TEST(Steering, APausedStepWakesToACancel) {
  Harness harness;
  const auto result =
      harness.run<Train>(json::object(), {.beside = [](Running& step) {
                           EXPECT_TRUE(step.command("pause").ok());
                           step.cancel();
                           EXPECT_EQ(step.command("resume").status, SCANFLOW_FAILED);
                         }});
  EXPECT_EQ(result.status, SCANFLOW_CANCELLED);
}

}  // namespace
