#include "plugins/strategies/rollout/canary.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/common/config_value.hpp"
#include "plugins/common/durations.hpp"
#include "plugins/common/evidence.hpp"
#include "plugins/common/statistics.hpp"

namespace scanflow::strategies {
namespace {

/// What a rollout is at.
struct Progress {
  std::int64_t step = -1;           // of the weights; -1: it has not begun
  std::int64_t since_us = 0;        // that it is
  double requests = 0, errors = 0;  // the candidate's counters when the step began
  bool over = false;                // it has all, or was taken back

  static Progress read(std::string_view text) {
    if (text.empty()) return {};
    const auto state = nlohmann::json::parse(text);
    return {state.at("step"), state.at("since_us"), state.at("requests"), state.at("errors"),
            state.at("over")};
  }
  std::string text() const {
    return nlohmann::json{{"step", step},
                          {"since_us", since_us},
                          {"requests", requests},
                          {"errors", errors},
                          {"over", over}}
        .dump();
  }
};

}  // namespace

Description CanaryStrategy::describe() {
  return {.id = "canary",
          .version = "1.0.0",
          .summary =
              "Gives a new version more and more of the requests while its errors stay "
              "within a budget; else takes it back",
          .primitives = {"set_traffic", "promote_model"}};
}

CanaryStrategy::CanaryStrategy(Config config)
    : config_(std::move(config)),
      hold_us_(config_value("hold", [&] { return duration_us(config_.hold); })) {
  double before = 0;
  for (const double weight : config_.weights) {
    if (!(weight > before) || weight > 100)
      throw Invalid("weights: they grow, and none is above 100");
    before = weight;
  }
  if (before != 100) throw Invalid("weights: the last is 100");
}

Action CanaryStrategy::traffic(double candidate_weight, const std::string& reason) const {
  nlohmann::json versions = nlohmann::json::array();
  if (candidate_weight < 100)
    versions.push_back({{"model", config_.stable}, {"weight", 100 - candidate_weight}});
  if (candidate_weight > 0)
    versions.push_back({{"model", config_.candidate}, {"weight", candidate_weight}});
  return {"set_traffic",
          {{"service", config_.service}},
          {{"node", config_.node}, {"versions", versions}},
          reason};
}

Decision CanaryStrategy::decide(const Evidence& evidence) {
  Progress progress = Progress::read(evidence.state);
  Decision decision;
  if (progress.over) return decision;
  const double requests = seen_number(evidence, "requests"),
               errors = seen_number(evidence, "errors");
  const auto begin_step = [&](std::int64_t step, const std::string& reason) {
    progress = {step, evidence.now_us, requests, errors, false};
    const double weight = config_.weights[static_cast<std::size_t>(step)];
    decision.actions.push_back(traffic(weight, reason));
    progress.over = weight == 100;
  };
  if (progress.step < 0) {
    begin_step(0, "the rollout begins");
    decision.state = progress.text();
    return decision;
  }
  // A process that was started again counts from 0.
  const double of_step = requests >= progress.requests ? requests - progress.requests : requests;
  const double failed = errors >= progress.errors ? errors - progress.errors : errors;
  if (surely_above(failed, of_step, config_.max_errors, config_.chance)) {
    decision.actions.push_back(
        traffic(0, fmt::format("{:g} of {:g} requests failed; {:g} of 100 may", failed, of_step,
                               config_.max_errors * 100)));
    progress.over = true;
  } else if (evidence.now_us - progress.since_us >= hold_us_ &&
             of_step >= static_cast<double>(config_.min_requests) &&
             failed <= config_.max_errors * of_step) {
    begin_step(progress.step + 1, fmt::format("{:g} of {:g} requests failed", failed, of_step));
  } else {
    return decision;
  }
  decision.state = progress.text();
  return decision;
}

}  // namespace scanflow::strategies
