// Steps that do one thing each, for the tests of the boundary.
#include <atomic>
#include <chrono>
#include <fstream>
#include <optional>
#include <scanflow/step.hpp>
#include <scanflow/strategy.hpp>
#include <scanflow/trigger.hpp>
#include <thread>

namespace {

using nlohmann::json;
using scanflow::Context;
using scanflow::Description;

Description named(const char* id) { return {.id = id, .version = "1.0.0", .summary = "For tests"}; }

struct EchoConfig {
  std::string text = "nothing";
  std::int64_t size = 0;
  template <class V>
  void fields(V& f) {
    f("text", text).doc("comes back");
    f("size", size).min(0).doc("bytes of filling in the outputs");
  }
};

class Echo : public scanflow::Step {
 public:
  using Config = EchoConfig;
  static Description describe() { return named("test.echo"); }
  explicit Echo(Config config) : config_(std::move(config)) {}
  json run(Context& context) override {
    return {{"text", config_.text},
            {"run", context.run_id()},
            {"step", context.step_id()},
            {"attempt", context.attempt()},
            {"threads", context.threads()},
            {"has", context.has_input("data")},
            {"filling", std::string(static_cast<std::size_t>(config_.size), 'x')}};
  }

 private:
  Config config_;
};

struct EndConfig {
  std::string how;
  template <class V>
  void fields(V& f) {
    f("how", how).required().one_of({"error", "retryable", "cancelled", "other", "not an object"});
  }
};

class End : public scanflow::Step {
 public:
  using Config = EndConfig;
  static Description describe() { return named("test.end"); }
  explicit End(Config config) : how_(std::move(config.how)) {}
  json run(Context&) override {
    if (how_ == "error") throw scanflow::Error("the disk is square; make it round");
    if (how_ == "retryable") throw scanflow::Retryable("the moon is in the way");
    if (how_ == "cancelled") throw scanflow::Cancelled();
    if (how_ == "other") throw 17;
    return json::array({1});
  }

 private:
  std::string how_;
};

/// Uses everything that a host offers.
class Busy : public scanflow::Step {
 public:
  static Description describe() { return named("test.busy"); }
  json run(Context& context) override {
    context.info("busy");
    context.progress(0.5, "half");
    context.log_metric("loss", 0.25, 3, {{"split", "train"}});
    context.observe("rate", 100.0);
    std::ofstream(context.artifact_file("model")) << "weights of " << context.input("data");
    const auto state = context.run_state();
    const auto checkpoints = context.checkpoint_directory();
    return {{"checkpoints", checkpoints ? json(checkpoints->string()) : json(nullptr)},
            {"model", context.register_model({{"name", "m"}, {"input", "data"}})},
            {"pipeline", state.at("pipeline")},
            {"digest", context.input_sha256("data")}};
  }
};

class BadArtifact : public scanflow::Step {
 public:
  static Description describe() { return named("test.bad-artifact"); }
  json run(Context& context) override {
    context.artifact_file("../escape");
    return nullptr;
  }
};

/// Says that it runs, then waits to be cancelled.
class Wait : public scanflow::Step {
 public:
  static Description describe() { return named("test.wait"); }
  json run(Context& context) override {
    context.info("waiting");
    for (;;) {
      context.throw_if_cancelled();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
};

/// Turns until it is told to stop; counts its turns.
class Steered : public scanflow::Step {
 public:
  struct Speed {
    double speed = 0;
    std::string unit = "m/s";
    template <class V>
    void fields(V& f) {
      f("speed", speed).required().above(0).doc("how fast");
      f("unit", unit).one_of({"m/s", "km/h"});
    }
  };
  static Description describe() { return named("test.steered"); }
  static void commands(scanflow::Commands<Steered>& offer) {
    offer.pausable();
    offer.at_safe_point("stop_early", "ends well", &Steered::stop_early);
    offer.at_safe_point("set_param", "changes the speed", &Steered::set_param);
    offer.at_safe_point("fail", "fails", &Steered::fail);
    offer.at_once("turns", "how many there were", &Steered::turns);
    offer.at_once("say", "comes back", &Steered::say);
  }
  json run(Context& context) override {
    context.info("turning");
    while (!stop_) {
      context.safe_point();
      ++turns_;
      std::this_thread::yield();
    }
    return {{"speed", speed_}, {"turns", turns_.load()}};
  }

 private:
  json stop_early(Context&) {
    stop_ = true;
    return nullptr;
  }
  json set_param(Context&, const Speed& speed) {
    speed_ = speed.speed;
    return {{"speed", speed_}, {"unit", speed.unit}};
  }
  json fail(Context&) { throw scanflow::Error("the brake is stuck; oil it"); }
  json turns() { return {{"turns", turns_.load()}}; }
  json say(const EchoConfig& what) {
    return {{"text", what.text},
            {"filling", std::string(static_cast<std::size_t>(what.size), 'x')}};
  }

  bool stop_ = false;
  double speed_ = 1;
  std::atomic<std::int64_t> turns_ = 0;
};

/// What an event or the evidence tells it to: {"fail": TEXT}, {"state": BYTES}.
std::optional<std::string> state_as_told(const json& told) {
  if (told.contains("fail")) throw scanflow::Error(told["fail"].get<std::string>());
  if (!told.contains("state")) return std::nullopt;
  return std::string(told["state"].get<std::size_t>(), 's');
}

/// Fires as an event says: {"fire": [EVIDENCE, ...]}.
class Count : public scanflow::Trigger {
 public:
  static Description describe() { return named("test.count"); }
  scanflow::WakeResult wake(const scanflow::Wake& wake) override {
    scanflow::WakeResult result = {.next_wake_us = wake.now_us + 1'000'000};
    if (!wake.event.is_object()) return result;
    for (const json& evidence : wake.event.value("fire", json::array()))
      result.fires.push_back(evidence);
    result.state = state_as_told(wake.event);
    return result;
  }
};

class Nothing : public scanflow::Strategy {
 public:
  static Description describe() {
    auto description = named("test.nothing");
    description.primitives = {"stop"};
    return description;
  }
  /// What the evidence says: {"actions": [{"primitive", "args"}, ...]}.
  scanflow::Decision decide(const scanflow::Evidence& evidence) override {
    scanflow::Decision decision;
    if (!evidence.evidence.is_object()) return decision;
    for (const json& action : evidence.evidence.value("actions", json::array()))
      decision.actions.push_back({action["primitive"], json::object(), action["args"]});
    decision.state = state_as_told(evidence.evidence);
    return decision;
  }
};

}  // namespace

SCANFLOW_PLUGIN("test", "2.1.0", Echo, End, Busy, BadArtifact, Wait, Steered, Count, Nothing)
