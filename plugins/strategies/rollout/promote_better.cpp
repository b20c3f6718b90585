#include "plugins/strategies/rollout/promote_better.hpp"

#include <fmt/format.h>

#include "plugins/common/evidence.hpp"
#include "plugins/strategies/rollout/statistics.hpp"

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
  const double baseline = first ? 0 : seen_number(evidence, "baseline");
  const double surely = first ? 1e9 : above(candidate - config_.margin, samples, baseline, samples);
  std::string refused;
  if (samples < static_cast<double>(config_.min_samples)) {
    refused = fmt::format("it was judged by {:g} samples; {} are asked for", samples,
                          config_.min_samples);
  } else if (candidate < config_.lowest) {
    refused = fmt::format("{:.4f} is below the floor, {:g}", candidate, config_.lowest);
  } else if (surely < config_.sure) {
    refused = fmt::format(
        "{:.4f} against {:.4f} of {:g} samples is not surely better by {:g} ({:.2f} "
        "standard deviations; {:g} are asked for)",
        candidate, baseline, samples, config_.margin, surely, config_.sure);
  }
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
                              : fmt::format("{:.4f} against {:.4f}", candidate, baseline)}}}}};
}

}  // namespace scanflow::strategies
