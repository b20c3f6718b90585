#include "plugins/strategies/failover/law.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace scanflow::strategies {
namespace {

using nlohmann::json;

constexpr std::int64_t kRemembersUs = 3'600'000'000;

/// `since_us` of a condition that a look found to hold, or not.
void note(std::int64_t& since_us, bool holds, std::int64_t now_us) {
  if (!holds) since_us = 0;
  if (holds && since_us == 0) since_us = now_us;
}

bool for_long(std::int64_t since_us, std::int64_t now_us, std::int64_t least_us) {
  return since_us != 0 && now_us - since_us >= least_us;
}

double seconds(std::int64_t us) { return static_cast<double>(us) / 1e6; }

}  // namespace

FailoverState FailoverState::read(std::string_view text) {
  FailoverState state;
  if (text.empty()) return state;
  const json document = json::parse(text);
  state.serving_ = document.at("backup").get<bool>() ? Serving::backup : Serving::primary;
  state.asked_us_ = document.at("asked_us");
  state.primary_bad_us_ = document.at("primary_bad_us");
  state.primary_well_us_ = document.at("primary_well_us");
  state.backup_bad_us_ = document.at("backup_bad_us");
  state.over_us_ = document.at("over_us").get<std::vector<std::int64_t>>();
  return state;
}

std::string FailoverState::text() const {
  return json{{"backup", serving_ == Serving::backup}, {"asked_us", asked_us_},
              {"primary_bad_us", primary_bad_us_},     {"primary_well_us", primary_well_us_},
              {"backup_bad_us", backup_bad_us_},       {"over_us", over_us_}}
      .dump();
}

std::int64_t FailoverState::backed_off(const FailoverLaw& law, std::int64_t first_us) const {
  std::int64_t wait_us = std::min(first_us, law.back_at_most_us);
  for (std::size_t k = 1; k < over_us_.size() && wait_us < law.back_at_most_us; ++k) wait_us *= 2;
  return std::min(wait_us, law.back_at_most_us);
}

std::optional<FailoverState::Serving> FailoverState::ask(Serving serving, std::int64_t now_us,
                                                         std::string reason) {
  serving_ = serving;
  asked_us_ = now_us;
  reason_ = std::move(reason);
  return serving;
}

std::optional<FailoverState::Serving> FailoverState::decide(const FailoverLaw& law,
                                                            std::int64_t now_us,
                                                            std::optional<double> primary,
                                                            std::optional<double> backup,
                                                            std::optional<Serving> seen) {
  const bool primary_well = primary && *primary <= law.healthy;
  const bool backup_well = backup && *backup <= law.healthy;
  note(primary_bad_us_, !primary || *primary >= law.unhealthy, now_us);
  note(primary_well_us_, primary_well, now_us);
  note(backup_bad_us_, !backup || *backup >= law.unhealthy, now_us);
  std::erase_if(over_us_, [&](std::int64_t at_us) { return now_us - at_us >= kRemembersUs; });
  if (seen && *seen != serving_ && now_us - asked_us_ >= law.settle_us) {
    // A guard has held it, it failed, or somebody else has switched. Never asked: that is how it began.
    if (asked_us_ != 0 && (serving_ == Serving::backup ? backup_well : primary_well))
      return ask(serving_, now_us, "what was asked for is not to be seen");
    serving_ = *seen;
  }
  if (serving_ == Serving::primary) {
    if (!backup_well || !for_long(primary_bad_us_, now_us, law.after_us)) return std::nullopt;
    over_us_.push_back(now_us);
    return ask(
        Serving::backup, now_us,
        fmt::format("the primary was unhealthy for {:g} s", seconds(now_us - primary_bad_us_)));
  }
  if (for_long(primary_well_us_, now_us, backed_off(law, law.back_after_us)))
    return ask(
        Serving::primary, now_us,
        fmt::format("the primary was healthy for {:g} s", seconds(now_us - primary_well_us_)));
  if (for_long(backup_bad_us_, now_us, law.after_us) &&
      for_long(primary_well_us_, now_us, backed_off(law, law.after_us)))
    return ask(
        Serving::primary, now_us,
        fmt::format("the backup was unhealthy for {:g} s", seconds(now_us - backup_bad_us_)));
  return std::nullopt;
}

}  // namespace scanflow::strategies
