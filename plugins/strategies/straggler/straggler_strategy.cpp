#include "plugins/strategies/straggler/straggler_strategy.hpp"

#include <fmt/format.h>

namespace scanflow::strategies {
namespace {

using nlohmann::json;

/// By then it has begun, waits for room (and is said to have one), or was refused.
constexpr std::int64_t kAskAgainUs = 10'000'000;
constexpr std::size_t kMostAtOnce = 20;

/// Of `runs.running()`.
Alike alike_from(const json& group) {
  Alike alike;
  alike.total = group.at("total");
  alike.ended = group.at("ended");
  alike.hedges = group.at("hedges");
  alike.seconds = group.at("seconds").get<std::vector<double>>();
  alike.former = group.at("former").get<std::vector<double>>();
  for (const json& each : group.at("running"))
    alike.running.push_back(
        {each.at("step"), each.at("attempt"), each.at("seconds"), each.at("hedged")});
  return alike;
}

const json& running_in(const json& evidence) {
  static const json kNone = json::array();
  const auto see = evidence.find("see");
  const auto found = see != evidence.end() && see->is_object() ? see->find("running") : see;
  if (see == evidence.end() || !see->is_object() || found == see->end())
    throw Invalid(
        "it sees no steps; show it those that run in the rule: see: {running: \"${{ "
        "runs.running() }}\"}");
  if (found->is_null()) return kNone;  // the engine did not say it
  if (!found->is_array())
    throw Invalid(
        fmt::format("see.running: not what runs.running() answers: {:.100}", found->dump()));
  return *found;
}

}  // namespace

Description StragglerStrategy::describe() {
  return {.id = "straggler",
          .version = "1.0.0",
          .summary =
              "Begins a second attempt of what is slower than others of its kind; the first "
              "of the two wins",
          .primitives = {"hedge_step"}};
}

StragglerStrategy::StragglerStrategy(const Config& config) {
  law_.factor = config.factor;
  law_.quantile = config.quantile;
  law_.min_done = config.min_done;
  law_.max_share = config.max_share;
  law_.min_seconds = config.min_seconds;
  law_.min_former = static_cast<std::size_t>(config.min_former);
}

Decision StragglerStrategy::decide(const Evidence& evidence) {
  Asked asked = Asked::read(evidence.state, evidence.now_us, kAskAgainUs);
  Decision decision;
  for (const json& group : running_in(evidence.evidence)) {
    if (!group.at("hedgeable").get<bool>()) continue;
    const std::string run = group.at("run");
    for (const Slow& slow : slow_ones(law_, alike_from(group))) {
      const std::string what = fmt::format("{}/{}#{}", run, slow.step, slow.attempt);
      if (decision.actions.size() >= kMostAtOnce || !asked.add(what, evidence.now_us)) continue;
      decision.actions.push_back(
          {"hedge_step",
           json::object(),
           {{"run", run}, {"step", slow.step}},
           fmt::format("attempt {} runs for {:.1f} s, where {:.1f} s are usual", slow.attempt,
                       slow.seconds, slow.usual)});
    }
  }
  if (std::string text = asked.text(); text != evidence.state) decision.state = std::move(text);
  return decision;
}

}  // namespace scanflow::strategies
