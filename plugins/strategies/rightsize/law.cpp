#include "plugins/strategies/rightsize/law.hpp"

#include <algorithm>
#include <cmath>

namespace scanflow::strategies {
namespace {

using nlohmann::json;

constexpr std::int64_t kMostDoublings = 6;

bool differs(double wanted, std::optional<double> request, double tolerance) {
  return !request || *request <= 0 || std::abs(wanted / *request - 1) > tolerance;
}

}  // namespace

RightsizeState RightsizeState::read(std::string_view text) {
  RightsizeState state;
  if (text.empty()) return state;
  const json document = json::parse(text);
  state.cpu_.read(document.at("cpu"));
  state.memory_.read(document.at("memory"));
  state.first_us_ = document.at("first_us");
  state.seen_us_ = document.at("seen_us");
  state.asked_us_ = document.at("asked_us");
  state.looks_ = document.at("looks");
  state.peak_of_ = document.at("peak").at(0);
  state.peak_ = document.at("peak").at(1);
  state.peak_weight_ = document.at("peak").at(2);
  if (!document.at("ooms").is_null()) state.ooms_ = document.at("ooms").get<double>();
  state.lapses_ = document.at("floor").at(0);
  state.floor_until_us_ = document.at("floor").at(1);
  state.floor_ = document.at("floor").at(2);
  return state;
}

std::string RightsizeState::text() const {
  return json{{"cpu", cpu_.to_json()},
              {"memory", memory_.to_json()},
              {"first_us", first_us_},
              {"seen_us", seen_us_},
              {"asked_us", asked_us_},
              {"looks", looks_},
              {"peak", {peak_of_, peak_, peak_weight_}},
              {"ooms", ooms_ ? json(*ooms_) : json()},
              {"floor", {lapses_, floor_until_us_, floor_}}}
      .dump();
}

/// The peak of a time that is not over counts as soon as it is seen, and gives way to a larger one.
void RightsizeState::note_memory(const RightsizeLaw& law, std::int64_t now_us, double memory) {
  const std::int64_t of = now_us / law.peak_us;
  const bool is_new = of != peak_of_ || peak_weight_ == 0;
  if (!is_new && memory <= peak_) return;
  if (is_new) {
    peak_weight_ = 1;
  } else {
    memory_.add(peak_, -peak_weight_);
  }
  peak_of_ = of;
  peak_ = memory;
  memory_.add(memory, peak_weight_);
}

bool RightsizeState::note_ooms(const RightsizeLaw& law, std::int64_t now_us, const Usage& usage) {
  if (!usage.ooms) return false;
  const double before = ooms_.value_or(*usage.ooms);
  const bool is_new = *usage.ooms > before || (*usage.ooms<before&& * usage.ooms> 0);
  ooms_ = *usage.ooms;
  if (!is_new) return false;
  const double had = std::max(usage.memory_request.value_or(0), peak_);
  const bool holds = now_us < floor_until_us_;
  if (!holds) ++lapses_;  // those that follow each other until it has enough are one
  floor_ = std::max(holds ? floor_ : 0, had * law.oom_factor);
  floor_until_us_ =
      now_us + law.half_life_us * (1LL << std::clamp<std::int64_t>(lapses_ - 1, 0, kMostDoublings));
  return true;
}

double RightsizeState::memory_wanted(const RightsizeLaw& law, std::int64_t now_us,
                                     std::optional<double> request) const {
  double wanted = (1 + law.margin) * memory_.percentile(law.percentile);
  // Nothing is taken away that is in use.
  if (request && wanted < *request)
    wanted = std::min(std::max(wanted, (1 + law.margin) * peak_), *request);
  if (now_us < floor_until_us_) wanted = std::max(wanted, floor_);
  return std::clamp(wanted, law.min_memory, law.max_memory);
}

Wanted RightsizeState::decide(const RightsizeLaw& law, std::int64_t now_us, const Usage& usage) {
  if (first_us_ == 0) first_us_ = seen_us_ = now_us;
  const double kept = std::exp2(-static_cast<double>(std::max<std::int64_t>(0, now_us - seen_us_)) /
                                static_cast<double>(law.half_life_us));
  cpu_.decay(kept);
  memory_.decay(kept);
  peak_weight_ *= kept;
  seen_us_ = now_us;
  ++looks_;
  if (usage.cpu) cpu_.add(*usage.cpu, 1);
  if (usage.memory) note_memory(law, now_us, *usage.memory);
  Wanted wanted;
  const bool ended = note_ooms(law, now_us, usage);
  const bool is_sure = now_us - first_us_ >= law.history_us && looks_ >= law.min_looks;
  const bool may = asked_us_ == 0 || now_us - asked_us_ >= law.every_us;
  const bool has_floor = now_us < floor_until_us_;
  if (ended || (may && (is_sure || has_floor))) {
    const double memory = memory_wanted(law, now_us, usage.memory_request);
    const bool grows = memory > usage.memory_request.value_or(0);
    if (memory_.percentile(1) + floor_ > 0 && (is_sure || grows) &&
        differs(memory, usage.memory_request, law.tolerance))
      wanted.memory = memory;
  }
  if (may && is_sure && cpu_.percentile(1) > 0) {
    const double cpu =
        std::clamp((1 + law.margin) * cpu_.percentile(law.percentile), law.min_cpu, law.max_cpu);
    if (differs(cpu, usage.cpu_request, law.tolerance)) wanted.cpu = cpu;
  }
  if (wanted.cpu || wanted.memory) asked_us_ = now_us;
  return wanted;
}

}  // namespace scanflow::strategies
