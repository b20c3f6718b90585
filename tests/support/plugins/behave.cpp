// A plugin for tests: each step behaves in one good or bad way.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <scanflow/step.hpp>
#include <stdexcept>
#include <thread>

#include "tests/support/plugins/steered.hpp"

namespace {

using nlohmann::json;

/// Gives back what it got: configuration, identity, inputs, environment.
struct EchoConfig {
  std::string text = "nothing";
  std::int64_t times = 1;
  template <class V>
  void fields(V& f) {
    f("text", text).doc("what to say");
    f("times", times).doc("how often to log it");
  }
};
class Echo : public scanflow::Step {
 public:
  using Config = EchoConfig;
  static scanflow::Description describe() {
    return {.id = "test.echo",
            .version = "1.0.0",
            .summary = "Says what it got",
            .inputs = {{"dataset", "anything", scanflow::optional}}};
  }
  explicit Echo(Config config) : config_(std::move(config)) {}
  json run(scanflow::Context& context) override {
    for (std::int64_t i = 0; i < config_.times; ++i) context.info("log: " + config_.text);
    std::cout << "out: " << config_.text << '\n';  // not flushed
    std::cerr << "err: " << config_.text << '\n';
    std::ofstream(context.scratch() / "left") << "left behind";
    const char* extra = std::getenv("EXTRA");
    return {
        {"text", config_.text},
        {"pid", ::getpid()},
        {"run", context.run_id()},
        {"step", context.step_id()},
        {"attempt", context.attempt()},
        {"threads", context.threads()},
        {"dataset", context.has_input("dataset") ? context.input("dataset").string() : ""},
        {"extra", extra == nullptr ? "" : extra},
        {"omp", std::getenv("OMP_NUM_THREADS") == nullptr ? "" : std::getenv("OMP_NUM_THREADS")}};
  }

 private:
  Config config_;
};

struct EndConfig {
  std::string how = "throw";
  template <class V>
  void fields(V& f) {
    f("how", how).doc("throw, retryable, unknown, segv, abort, exit, kill");
  }
};
class End : public scanflow::Step {
 public:
  using Config = EndConfig;
  static scanflow::Description describe() {
    return {.id = "test.end", .version = "1.0.0", .summary = "Ends badly"};
  }
  explicit End(Config config) : config_(std::move(config)) {}
  json run(scanflow::Context& context) override {
    const std::string& how = config_.how;
    context.info("about to end by " + how);
    if (how == "throw") throw scanflow::Error("the data is bad");
    if (how == "retryable") throw scanflow::Retryable("the network is down");
    if (how == "unknown") throw std::runtime_error("something else");
    if (how == "segv") ::raise(SIGSEGV);
    if (how == "abort") std::abort();
    if (how == "exit") std::exit(0);
    if (how == "kill") ::kill(::getpid(), SIGKILL);
    return {};
  }

 private:
  Config config_;
};

/// Waits until it is cancelled, or (deaf) for ever.
struct HangConfig {
  bool deaf = false;
  std::string file;
  template <class V>
  void fields(V& f) {
    f("deaf", deaf).doc("do not listen to cancel");
    f("file", file).doc("ends well when this file is there");
  }
};
class Hang : public scanflow::Step {
 public:
  using Config = HangConfig;
  static scanflow::Description describe() {
    return {.id = "test.hang", .version = "1.0.0", .summary = "Hangs"};
  }
  explicit Hang(Config config) : config_(std::move(config)) {}
  json run(scanflow::Context& context) override {
    context.log_metric("alive", 1, 0);
    for (;;) {
      if (!config_.deaf) context.throw_if_cancelled();
      if (!config_.file.empty() && std::ifstream(config_.file)) return {{"waited", true}};
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

 private:
  Config config_;
};

struct EatConfig {
  std::int64_t mebibytes = 64;
  template <class V>
  void fields(V& f) {
    f("mebibytes", mebibytes).doc("how much");
  }
};
class Eat : public scanflow::Step {
 public:
  using Config = EatConfig;
  static scanflow::Description describe() {
    return {.id = "test.eat", .version = "1.0.0", .summary = "Takes memory, and holds it a while"};
  }
  explicit Eat(Config config) : config_(std::move(config)) {}
  json run(scanflow::Context& context) override {
    std::vector<std::string> held;
    for (std::int64_t i = 0; i < config_.mebibytes; ++i) held.emplace_back(1u << 20, 'x');
    while (!context.cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return {{"held", held.size()}};
  }

 private:
  Config config_;
};

/// Uses every host extension.
struct WorkConfig {
  bool forget = false;
  std::int64_t output = 0;
  std::int64_t nested = 0;
  template <class V>
  void fields(V& f) {
    f("forget", forget).doc("announce an artifact and do not write it");
    f("output", output).doc("bytes of output");
    f("nested", nested).doc("levels of output");
  }
};
class Work : public scanflow::Step {
 public:
  using Config = WorkConfig;
  static scanflow::Description describe() {
    return {.id = "test.work", .version = "1.0.0", .summary = "Uses what the host offers"};
  }
  explicit Work(Config config) : config_(std::move(config)) {}
  json run(scanflow::Context& context) override {
    if (config_.output > 0) {
      return {{"big", std::string(static_cast<std::size_t>(config_.output), 'x')}};
    }
    if (config_.nested > 0) {
      json deep = json::array();
      for (std::int64_t i = 1; i < config_.nested; ++i) deep = json::array({std::move(deep)});
      return {{"deep", std::move(deep)}};
    }
    context.progress(0.5, "half");
    context.log_metric("loss", 0.25, 3, {{"split", "train"}});
    context.observe("speed", 100);
    const auto model = context.artifact_file("model");
    if (!config_.forget) std::ofstream(model) << "weights";
    std::ofstream(context.artifact_directory("data") / "x") << "x";
    const json model_version = context.register_model({{"name", "m"}, {"input", "model"}});
    return {{"state", context.run_state()}, {"version", model_version.at("version")}};
  }

 private:
  Config config_;
};

/// Says the value of $TOKEN in every way there is.
struct LeakConfig {
  bool fail = false;
  template <class V>
  void fields(V& f) {
    f("fail", fail).doc("with an error that says it too");
  }
};
class Leak : public scanflow::Step {
 public:
  using Config = LeakConfig;
  static scanflow::Description describe() {
    return {.id = "test.leak", .version = "1.0.0", .summary = "Keeps no secret"};
  }
  explicit Leak(Config config) : config_(std::move(config)) {}
  json run(scanflow::Context& context) override {
    const std::string token = std::getenv("TOKEN");
    context.info("log: " + token);
    std::cout << "out: " << token.substr(0, 3) << std::flush;
    std::cout << token.substr(3) << '\n';
    std::cerr << "err: " << token << '\n';
    context.progress(0.5, "with " + token);
    context.log_metric("m." + token, 1, 0, {{"user", token}});
    context.register_model({{"name", token}});
    if (config_.fail) throw scanflow::Error("refused: " + token);
    return {{token, {"is " + token}}, {"length", token.size()}};
  }

 private:
  Config config_;
};

/// Fails until enough attempts have left their mark among the checkpoints.
struct CountConfig {
  std::int64_t enough = 2;
  template <class V>
  void fields(V& f) {
    f("enough", enough).doc("attempts");
  }
};
class Count : public scanflow::Step {
 public:
  using Config = CountConfig;
  static scanflow::Description describe() {
    return {.id = "test.count", .version = "1.0.0", .summary = "Counts its attempts"};
  }
  explicit Count(Config config) : config_(std::move(config)) {}
  json run(scanflow::Context& context) override {
    const auto directory = context.checkpoint_directory();
    if (!directory) return {{"attempts", nullptr}};
    std::int64_t attempts = 0;
    std::ifstream(*directory / "attempts") >> attempts;
    std::ofstream(*directory / "attempts") << ++attempts;
    if (attempts < config_.enough) throw scanflow::Retryable("not yet");
    return {{"attempts", attempts}, {"directory", directory->string()}};
  }

 private:
  Config config_;
};

}  // namespace

SCANFLOW_PLUGIN("behave", "1.0.0", Count, Echo, End, Hang, Eat, Work, Leak, Steered)
