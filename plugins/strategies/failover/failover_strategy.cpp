#include "plugins/strategies/failover/failover_strategy.hpp"

#include "plugins/common/config_value.hpp"
#include "plugins/common/durations.hpp"
#include "plugins/common/evidence.hpp"

namespace scanflow::strategies {

Description FailoverStrategy::describe() {
  return {.id = "failover",
          .version = "1.0.0",
          .summary = "Gives the requests to a backup while the primary is unhealthy",
          .primitives = {"set_traffic"}};
}

FailoverStrategy::FailoverStrategy(Config config) : config_(std::move(config)) {
  if (!(config_.healthy < config_.unhealthy))
    throw Invalid("healthy: write less than 'unhealthy': between them one is neither");
  if (config_.primary == config_.backup) throw Invalid("backup: write another than the primary");
  law_.healthy = config_.healthy;
  law_.unhealthy = config_.unhealthy;
  law_.after_us = config_value("after", [&] { return duration_us(config_.after); });
  law_.back_after_us = config_value("back_after", [&] { return duration_us(config_.back_after); });
  law_.back_at_most_us =
      config_value("back_at_most", [&] { return duration_us(config_.back_at_most); });
  law_.settle_us = config_value("settle", [&] { return duration_us(config_.settle); });
  if (law_.after_us <= 0) throw Invalid("after: write a time above 0, like 3s");
  if (law_.back_after_us < law_.after_us) throw Invalid("back_after: write 'after' at least");
  if (law_.back_at_most_us < law_.back_after_us)
    throw Invalid("back_at_most: write 'back_after' at least");
}

Decision FailoverStrategy::decide(const Evidence& evidence) {
  using Serving = FailoverState::Serving;
  std::optional<Serving> serving;
  const nlohmann::json seen = seen_value(evidence, "serving");
  if (seen == config_.primary) serving = Serving::primary;
  if (seen == config_.backup) serving = Serving::backup;
  FailoverState state = FailoverState::read(evidence.state);
  const auto wanted = state.decide(law_, evidence.now_us, seen_number_if(evidence, "primary"),
                                   seen_number_if(evidence, "backup"), serving);
  Decision decision;
  decision.state = state.text();
  if (!wanted) return decision;
  const std::string& model = *wanted == Serving::backup ? config_.backup : config_.primary;
  decision.actions.push_back(
      {"set_traffic",
       {{"service", config_.service}},
       {{"node", config_.node},
        {"versions", nlohmann::json::array({{{"model", model}, {"weight", 100}}})}},
       state.reason()});
  return decision;
}

}  // namespace scanflow::strategies
