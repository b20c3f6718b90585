#include "plugins/strategies/placement/placement_strategy.hpp"

#include <fmt/format.h>

#include "plugins/common/config_value.hpp"
#include "plugins/common/durations.hpp"
#include "plugins/common/evidence.hpp"

namespace scanflow::strategies {
namespace {

using nlohmann::json;

constexpr const char* kByNode = "kubernetes.io/hostname";

}  // namespace

Description PlacementStrategy::describe() {
  return {.id = "placement",
          .version = "1.0.0",
          .summary = "Leaves batch work as much of its time as online work beside it can spare",
          .primitives = {"throttle", "place"}};
}

PlacementStrategy::PlacementStrategy(Config config) : config_(std::move(config)) {
  law_.target = config_.target;
  law_.tolerance = config_.tolerance;
  law_.min_share = config_.min_share;
  law_.increase = config_.increase;
  law_.decrease = config_.decrease;
  law_.settle_us = config_value("settle", [&] { return duration_us(config_.settle); });
  law_.smoothing_us = config_value("smoothing", [&] { return duration_us(config_.smoothing); });
  if (3 * law_.smoothing_us > law_.settle_us)
    throw Invalid("smoothing: write a third of 'settle' at most");
  if (config_.apart && config_.object.find('/') == std::string::npos)
    throw Invalid("object: write what is to be placed apart: deployment/NAME");
  if (!config_.online.is_object()) throw Invalid("online: write labels: {app: digits}");
  for (const auto& [label, value] : config_.online.items())
    if (!value.is_string()) throw Invalid(fmt::format("online: '{}' is no text", label));
}

/// Preferred, not demanded: on a cluster with one node it runs all the same.
Action PlacementStrategy::place() const {
  json target = {{"object", config_.object}};
  if (!config_.name_space.empty()) target["namespace"] = config_.name_space;
  if (config_.online.empty()) return {"place", target, {{"apart", kByNode}}};
  const json term = {{"topologyKey", kByNode},
                     {"labelSelector", {{"matchLabels", config_.online}}}};
  const json preferred = {{{"weight", 100}, {"podAffinityTerm", term}}};
  return {
      "place",
      target,
      {{"affinity",
        {{"podAntiAffinity", {{"preferredDuringSchedulingIgnoredDuringExecution", preferred}}}}}}};
}

Decision PlacementStrategy::decide(const Evidence& evidence) {
  ShareState state = ShareState::read(evidence.state);
  if (!evidence.evidence.contains("see") || !evidence.evidence["see"].contains("online"))
    (void)seen_number(evidence, "online");  // says what is missing
  Decision decision;
  const auto share = state.decide(law_, evidence.now_us, seen_number_if(evidence, "online"),
                                  seen_number_if(evidence, "share"));
  if (share) decision.actions.push_back({"throttle", json::object(), {{"share", *share}}});
  // Last: where it fails, the throttle was asked for.
  if (config_.apart && !state.is_placed) {
    decision.actions.push_back(place());
    state.is_placed = true;
  }
  decision.state = state.text();
  return decision;
}

}  // namespace scanflow::strategies
