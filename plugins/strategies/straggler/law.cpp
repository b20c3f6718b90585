#include "plugins/strategies/straggler/law.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace scanflow::strategies {

using nlohmann::json;

double quantile_of(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double place = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

std::vector<Slow> slow_ones(const StragglerLaw& law, const Alike& alike) {
  const bool only = alike.total == 1;
  const std::vector<double>& took = only ? alike.former : alike.seconds;
  const double done = static_cast<double>(alike.ended) / static_cast<double>(alike.total);
  if (took.empty() || (only ? took.size() < law.min_former : done < law.min_done)) return {};
  const double usual = quantile_of(took, law.quantile);
  const double limit = std::max(law.factor * usual, law.min_seconds);
  std::vector<Slow> slow;
  for (const Alike::Running& each : alike.running) {
    if (!each.hedged && each.seconds > limit)
      slow.push_back({each.step, each.attempt, each.seconds, usual});
  }
  std::stable_sort(slow.begin(), slow.end(),
                   [](const Slow& a, const Slow& b) { return a.seconds > b.seconds; });
  const auto most = std::max<std::size_t>(
      1, static_cast<std::size_t>(law.max_share * static_cast<double>(alike.total) + 1e-9));
  slow.resize(std::min(slow.size(), most - std::min(most, alike.hedges)));
  return slow;
}

Asked Asked::read(std::string_view text, std::int64_t now_us, std::int64_t forget_us) {
  Asked asked;
  if (text.empty()) return asked;
  const json kept = json::parse(text);
  for (const auto& [what, at_us] : kept.items()) {
    if (now_us - at_us.get<std::int64_t>() < forget_us) asked.at_us_[what] = at_us;
  }
  return asked;
}

std::string Asked::text() const { return json(at_us_).dump(); }

}  // namespace scanflow::strategies
