#include "plugins/strategies/rightsize/rightsize_strategy.hpp"

#include "plugins/common/config_value.hpp"
#include "plugins/common/durations.hpp"
#include "plugins/common/evidence.hpp"
#include "plugins/common/quantities.hpp"

namespace scanflow::strategies {
namespace {

std::int64_t time_above_0(const char* field, const std::string& text) {
  const std::int64_t us = config_value(field, [&] { return duration_us(text); });
  if (us <= 0) throw Invalid(fmt::format("{}: write a time above 0, like 10m", field));
  return us;
}

/// Empty: as it is.
void read_bound(const char* field, const std::string& text, double (*read)(const std::string&),
                double& bound) {
  if (!text.empty()) bound = config_value(field, [&] { return read(text); });
}

}  // namespace

Description RightsizeStrategy::describe() {
  return {.id = "rightsize",
          .version = "1.0.0",
          .summary = "Requests as much CPU and memory as a container uses; more after an OOM",
          .primitives = {"resize"}};
}

RightsizeStrategy::RightsizeStrategy(const Config& config)
    : limit_factor_(config.limit_factor), container_(config.container) {
  if (limit_factor_ != 0 && limit_factor_ < 1)
    throw Invalid("limit_factor: write 1 at least, or 0: a limit is no less than the request");
  if (!(config.tolerance < config.margin))
    throw Invalid("tolerance: write less than 'margin': what its request limits would not grow");
  law_.percentile = config.percentile;
  law_.margin = config.margin;
  law_.tolerance = config.tolerance;
  law_.oom_factor = config.oom_factor;
  law_.min_looks = config.min_looks;
  law_.half_life_us = time_above_0("half_life", config.half_life);
  law_.history_us = config_value("history", [&] { return duration_us(config.history); });
  law_.peak_us = time_above_0("peak", config.peak);
  law_.every_us = config_value("every", [&] { return duration_us(config.every); });
  read_bound("min_cpu", config.min_cpu, &cores, law_.min_cpu);
  read_bound("max_cpu", config.max_cpu, &cores, law_.max_cpu);
  read_bound("min_memory", config.min_memory, &bytes, law_.min_memory);
  read_bound("max_memory", config.max_memory, &bytes, law_.max_memory);
  if (!(law_.min_cpu <= law_.max_cpu)) throw Invalid("max_cpu: write 'min_cpu' at least");
  if (!(law_.min_memory <= law_.max_memory))
    throw Invalid("max_memory: write 'min_memory' at least");
}

Decision RightsizeStrategy::decide(const Evidence& evidence) {
  const Usage usage{seen_number_if(evidence, "cpu"), seen_number_if(evidence, "memory"),
                    seen_number_if(evidence, "oom"), seen_number_if(evidence, "cpu_request"),
                    seen_number_if(evidence, "memory_request")};
  RightsizeState state = RightsizeState::read(evidence.state);
  const Wanted wanted = state.decide(law_, evidence.now_us, usage);
  Decision decision;
  decision.state = state.text();
  nlohmann::json args = nlohmann::json::object();
  if (wanted.cpu) args["cpu"] = cores_text(*wanted.cpu);
  if (wanted.memory) args["memory"] = mebibytes_text(*wanted.memory);
  if (wanted.memory && limit_factor_ > 0)
    args["memory_limit"] = mebibytes_text(*wanted.memory * limit_factor_);
  if (args.empty()) return decision;
  if (!container_.empty()) args["container"] = container_;
  decision.actions.push_back({"resize", nlohmann::json::object(), args});
  return decision;
}

}  // namespace scanflow::strategies
