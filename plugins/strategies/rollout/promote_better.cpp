#include "plugins/strategies/rollout/promote_better.hpp"

#include <fmt/format.h>

#include <optional>

#include "plugins/common/evidence.hpp"
#include "plugins/common/gate.hpp"

namespace scanflow::strategies {

namespace {

using nlohmann::json;

/// The version that `see` says under this name.
std::string seen_version(const json& see, const std::string& name) {
  const json version = see.value(name, json());
  if (version.is_number_integer()) return version.dump();
  if (version.is_string() && !version.get_ref<const std::string&>().empty()) return version;
  throw Invalid(
      fmt::format("the evidence has no version see.{0}; add it to the rule: see: {{{0}: "
                  "\"${{{{ ... }}}}\"}}",
                  name));
}

}  // namespace

Description PromoteBetterStrategy::describe() {
  return {.id = "promote_better",
          .version = "1.1.0",
          .summary =
              "Promotes a candidate that is surely better than what serves, and lets no "
              "other pass",
          .primitives = {"promote_model", "emit"}};
}

PromoteBetterStrategy::PromoteBetterStrategy(Config config) : config_(std::move(config)) {
  for (const auto& [model, name] : config_.together.items())
    if (!name.is_string()) throw Invalid("together: write {MODEL: NAME}, NAME being one of see");
}

Decision PromoteBetterStrategy::decide(const Evidence& evidence) {
  const double candidate = seen_number(evidence, "candidate");
  const double samples = seen_number(evidence, "samples");
  const json see = evidence.evidence.at("see");
  const std::string version = seen_version(see, "version");
  // Where nothing serves yet, only the floor holds.
  const bool first = !see.contains("baseline") || see["baseline"].is_null();
  const std::optional<double> baseline =
      first ? std::nullopt : std::optional(seen_number(evidence, "baseline"));
  const Gate gate{config_.margin, config_.sure, config_.lowest, config_.min_samples};
  const std::string refused = why_not_better(gate, candidate, baseline, samples);
  if (!refused.empty()) {
    const json payload = {{"model", config_.model},
                          {"version", version},
                          {"candidate", candidate},
                          {"baseline", baseline ? json(*baseline) : json()},
                          {"why", refused}};
    return {
        {{"emit", json::object(), {{"type", "promotion.refused"}, {"payload", payload}}, refused}}};
  }
  const std::string reason = first ? fmt::format("{:.4f}, and nothing serves yet", candidate)
                                   : fmt::format("{:.4f} against {:.4f}", candidate, *baseline);
  Decision decision;
  const auto promote = [&](const std::string& model, const std::string& number) {
    decision.actions.push_back({"promote_model",
                                json::object(),
                                {{"name", model}, {"version", number}, {"alias", config_.alias}},
                                reason});
  };
  // What is to serve with it comes first: the model's own alias is what others wait for.
  for (const auto& [model, name] : config_.together.items())
    promote(model, seen_version(see, name.get<std::string>()));
  promote(config_.model, version);
  return decision;
}

}  // namespace scanflow::strategies
