#include "plugins/strategies/rollout/promote_better.hpp"

#include <fmt/format.h>

#include <optional>

#include "plugins/common/evidence.hpp"
#include "plugins/common/gate.hpp"

namespace scanflow::strategies {

Description PromoteBetterStrategy::describe() {
  return {.id = "promote_better",
          .version = "1.0.0",
          .summary =
              "Promotes a candidate that is surely better than what serves, and lets no "
              "other pass",
          .primitives = {"promote_model", "notify"}};
}

Decision PromoteBetterStrategy::decide(const Evidence& evidence) {
  const double candidate = seen_number(evidence, "candidate");
  const double samples = seen_number(evidence, "samples");
  const auto see = evidence.evidence.at("see");
  const nlohmann::json version = see.value("version", nlohmann::json());
  if (!version.is_string() && !version.is_number())
    throw Invalid("the evidence has no see.version: the candidate's");
  // Where nothing serves yet, only the floor holds.
  const bool first = !see.contains("baseline") || see["baseline"].is_null();
  const std::optional<double> baseline =
      first ? std::nullopt : std::optional(seen_number(evidence, "baseline"));
  const Gate gate{config_.margin, config_.sure, config_.lowest, config_.min_samples};
  const std::string refused = why_not_better(gate, candidate, baseline, samples);
  const std::string number = version.is_string() ? version.get<std::string>() : version.dump();
  if (!refused.empty()) {
    return {{{"notify",
              {{"model", config_.model}},
              {{"text", fmt::format("version {} of {} was not promoted: {}", number, config_.model,
                                    refused)}}}}};
  }
  return {{{"promote_model",
            {{"model", config_.model}},
            {{"version", number},
             {"alias", config_.alias},
             {"reason", first ? fmt::format("{:.4f}, and nothing serves yet", candidate)
                              : fmt::format("{:.4f} against {:.4f}", candidate, *baseline)}}}}};
}

}  // namespace scanflow::strategies
