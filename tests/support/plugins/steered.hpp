// A step for tests that is steered while it runs.
#pragma once

#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <scanflow/step.hpp>
#include <thread>

class Steered : public scanflow::Step {
 public:
  struct Rate {
    double rate = 0;
    template <class V>
    void fields(V& f) {
      f("rate", rate).required().above(0);
    }
  };
  static scanflow::Description describe() {
    return {.id = "test.steered", .version = "1.0.0", .summary = "Turns until it is told to stop"};
  }
  static void commands(scanflow::Commands<Steered>& offer) {
    offer.pausable();
    offer.at_safe_point("set_param", "changes the rate", &Steered::set_param);
    offer.at_safe_point("stop_early", "ends well", &Steered::stop_early);
    offer.at_safe_point("stall", "never comes back by itself", &Steered::stall);
    offer.at_safe_point("die", "kills the process", &Steered::die);
    offer.at_safe_point("leak", "says the value of TOKEN", &Steered::leak);
  }
  nlohmann::json run(scanflow::Context& context) override {
    while (!stop_) {
      context.safe_point();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return {{"rate", rate_}};
  }

 private:
  using json = nlohmann::json;
  json set_param(scanflow::Context&, const Rate& rate) {
    rate_ = rate.rate;
    return {{"rate", rate_}};
  }
  json stop_early(scanflow::Context&) {
    stop_ = true;
    return nullptr;
  }
  json stall(scanflow::Context& context) {
    context.info("stalling");
    context.log_metric("stalled", 1, 0);
    while (!context.cancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    throw scanflow::Error("stopped stalling");
  }
  json die(scanflow::Context&) {
    ::raise(SIGKILL);
    return nullptr;
  }
  json leak(scanflow::Context&) {
    const char* token = std::getenv("TOKEN");
    return {{"token", token == nullptr ? "" : token}};
  }

  double rate_ = 1;
  bool stop_ = false;
};
