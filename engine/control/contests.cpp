#include "engine/control/contests.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

namespace scanflow::control {
namespace {

constexpr std::size_t kMostSettings = 3;  // what a reversal is seen by

/// What each of them sets; "": all of its arguments.
struct Setter {
  std::string_view primitive, argument;
};
constexpr std::array kSetters{
    Setter{"scale", "replicas"}, Setter{"throttle", "share"},  Setter{"set_traffic", ""},
    Setter{"resize", ""},        Setter{"set_autoscaler", ""}, Setter{"place", ""},
    Setter{"cordon", ""},        Setter{"set_param", ""},      Setter{"promote_model", "version"}};

/// As people read it, whatever a rule has made of it.
std::string shown(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string whom(const json& target, const std::string& name_space) {
  if (target.contains("step"))
    return fmt::format("{} of run {}", shown(target, "step"), shown(target, "run"));
  if (target.contains("object")) {
    const std::string in = shown(target, "namespace");
    return shown(target, "object") + (in.empty() ? "" : " in " + in);
  }
  const std::string service = shown(target, "service");
  return service.find('/') == std::string::npos ? name_space + "/" + service : service;
}

/// "3" and 3 are the same.
json ordered(const json& value) {
  if (!value.is_string()) return value;
  const json number = json::parse(value.get_ref<const std::string&>(), nullptr, false);
  return number.is_number() ? number : value;
}

}  // namespace

std::optional<Claim> claim_of(const DecidedAction& action, const std::string& name_space) {
  if (action.primitive == "pause" || action.primitive == "resume")
    return Claim{"pause of " + whom(action.target, name_space), action.primitive};
  const auto setter = std::find_if(kSetters.begin(), kSetters.end(), [&](const Setter& each) {
    return each.primitive == action.primitive;
  });
  if (setter == kSetters.end()) return std::nullopt;
  const std::string argument(setter->argument);
  const json value = argument.empty() ? action.args : ordered(action.args.value(argument, json()));
  if (action.primitive == "promote_model")
    return Claim{
        fmt::format("alias {} of model {}",
                    action.args.contains("alias") ? shown(action.args, "alias") : "champion",
                    shown(action.args, "name")),
        value};
  return Claim{action.primitive + " of " + whom(action.target, name_space), value};
}

bool Contests::is_reversal(const Subject& subject, const std::string& rule, const json& value) {
  if (subject.settings.size() < 2) return false;
  const Setting& last = subject.settings.back();
  const json& before = subject.settings[subject.settings.size() - 2].value;
  if (last.rule == rule || last.value == value) return false;
  if (!value.is_number() || !last.value.is_number() || !before.is_number()) return value == before;
  const double there = last.value.get<double>() - before.get<double>();
  const double back = value.get<double>() - last.value.get<double>();
  return there * back < 0;
}

std::string Contests::why_not(const std::string& rule, const std::vector<DecidedAction>& actions,
                              std::int64_t now_us) const {
  for (const DecidedAction& each : actions) {
    const auto claim = claim_of(each, rule.substr(0, rule.find('/')));
    const auto found = claim ? subjects_.find(claim->subject) : subjects_.end();
    if (found == subjects_.end() || now_us >= found->second.held_until_us) continue;
    const auto& rules = found->second.rules;
    if (std::find(rules.begin(), rules.end(), rule) == rules.end()) continue;
    return fmt::format("{} is contested by {}, which undo each other's work: held for {} s more",
                       claim->subject, fmt::join(rules, " and "),
                       (found->second.held_until_us - now_us + 999'999) / 1'000'000);
  }
  return {};
}

std::optional<Contests::Contest> Contests::note(const std::string& rule,
                                                const std::vector<DecidedAction>& actions,
                                                std::int64_t now_us) {
  std::optional<Contest> begun;
  for (const DecidedAction& each : actions) {
    auto claim = claim_of(each, rule.substr(0, rule.find('/')));
    if (!claim) continue;
    if (subjects_.size() >= kMostSubjects) forget(now_us);
    Subject& subject = subjects_[claim->subject];
    if (is_reversal(subject, rule, claim->value)) subject.reversals_us.push_back(now_us);
    while (!subject.reversals_us.empty() && subject.reversals_us.front() <= now_us - kWindowUs)
      subject.reversals_us.pop_front();
    subject.settings.push_back({now_us, rule, std::move(claim->value)});
    if (subject.reversals_us.size() >= kMostReversals) {
      std::set<std::string> rules;
      for (const Setting& setting : subject.settings) rules.insert(setting.rule);
      // Long after the last one it is another quarrel.
      if (now_us - subject.held_until_us > kLongestHoldUs) subject.hold_us = kFirstHoldUs;
      subject.rules.assign(rules.begin(), rules.end());
      subject.held_until_us = now_us + subject.hold_us;
      subject.hold_us = std::min(subject.hold_us * 2, kLongestHoldUs);
      subject.reversals_us.clear();
      begun = {claim->subject, subject.rules, subject.held_until_us};
    }
    while (subject.settings.size() > kMostSettings) subject.settings.pop_front();
  }
  return begun;
}

/// What nobody has set for long.
void Contests::forget(std::int64_t now_us) {
  std::erase_if(subjects_, [&](const auto& each) {
    return each.second.settings.back().time_us <= now_us - kWindowUs &&
           each.second.held_until_us <= now_us;
  });
}

}  // namespace scanflow::control
