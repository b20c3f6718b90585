#include "plugins/triggers/drift/drift_trigger.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "plugins/common/config_value.hpp"
#include "plugins/common/samples.hpp"
#include "plugins/triggers/drift/followed.hpp"
#include "plugins/triggers/drift/run_length.hpp"

namespace scanflow::triggers {
namespace {

/// 10000 of "one in 10000 samples", "1 in 10000".
double one_in(std::string_view text) {
  const auto eat = [&text](std::string_view word) {
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    return true;
  };
  std::int64_t samples = 0;
  const std::string whole(text);
  bool good = eat("one in ") || eat("1 in ");
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), samples);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  good = good && error == std::errc() && (text.empty() || text == " samples");
  if (!good) throw std::invalid_argument("'" + whole + "' is not like: one in 10000 samples");
  if (samples < 20 || samples > 1'000'000'000'000)
    throw std::invalid_argument(
        "one in 20 samples to one in 1000000000000 is what can be asked for");
  return static_cast<double>(samples);
}

}  // namespace

Description DriftTrigger::describe() {
  return {.id = "drift", .version = "1.0.0", .summary = "Fires when the mean of a metric changed"};
}

DriftTrigger::DriftTrigger(Config config) : config_(std::move(config)) {
  check_labels(config_.labels);
  if (config_.mean.has_value() != config_.deviation.has_value())
    throw Invalid("mean, deviation: write both, or none to have them learned");
  law_.method = config_.method == "cusum" ? Method::cusum : Method::page_hinkley;
  if (config_.mean && law_.method == Method::page_hinkley)
    throw Invalid(
        "mean: page_hinkley learns it of all samples; write method: cusum, or leave it out");
  law_.direction = config_.direction == "up"     ? Direction::up
                   : config_.direction == "down" ? Direction::down
                                                 : Direction::both;
  law_.delta = config_.delta;
  law_.reference = config_.reference;
  law_.mean = config_.mean;
  law_.deviation = config_.deviation;
  law_.relearn = config_.relearn.value_or(!config_.mean);
  // What page_hinkley sums up is standard normal, whatever its estimates are.
  const bool is_estimate =
      law_.method == Method::cusum && (!config_.mean.has_value() || law_.relearn);
  const FalseAlarms wanted = {
      config_value("false_alarms", [this] { return one_in(config_.false_alarms); }), law_.delta,
      law_.direction == Direction::both, is_estimate ? law_.reference : 0};
  if (!config_.threshold && !is_told_by_reference(wanted))
    throw Invalid(
        fmt::format("reference: {} samples cannot tell a drift of {:g} deviations (delta) from "
                    "none; write more of them ({} are plenty), or a larger delta",
                    law_.reference, law_.delta, std::ceil(10 / (law_.delta * law_.delta))));
  law_.threshold = config_.threshold ? *config_.threshold : threshold_of(wanted);
}

std::vector<nlohmann::json> DriftTrigger::watches() const {
  return {{{"source", "samples"}, {"name", config_.name}, {"labels", config_.labels}}};
}

WakeResult DriftTrigger::wake(const Wake& wake) {
  if (wake.reason != WakeReason::sample || !is_sample_of(wake.event, config_.name, config_.labels))
    return {};
  Followed followed = Followed::read(wake.state);
  const auto labels = wake.event.value("labels", nlohmann::json::object());
  const auto value = wake.event.find("value");  // null: JSON has no NaN
  const bool is_number = value != wake.event.end() && value->is_number();
  const double number = is_number ? value->get<double>() : std::numeric_limits<double>::quiet_NaN();
  WakeResult result;
  if (const auto alarm = followed.take(law_, labels.dump(), wake.event.at("time_us"), number)) {
    result.fires.push_back({{"metric", config_.name},
                            {"labels", labels},
                            {"direction", alarm->up ? "up" : "down"},
                            {"value", number},
                            {"mean", alarm->mean},
                            {"deviation", alarm->deviation},
                            {"statistic", alarm->statistic},
                            {"threshold", law_.threshold},
                            {"since_us", alarm->since_us},
                            {"until_us", wake.event.at("time_us")},
                            {"samples", alarm->samples},
                            {"left_out", alarm->left_out},
                            {"without_room", followed.without_room()}});
  }
  result.state = followed.text();
  return result;
}

}  // namespace scanflow::triggers
