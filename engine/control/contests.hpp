// Rules that undo each other's work: one scales up, another one down. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/control/decision.hpp"

namespace scanflow::control {

/// What an action sets, and to what: nobody else's may be about the same.
struct Claim {
  std::string subject;  // "scale of deployment/web"
  json value;           // a number where it has an order, else whatever it is
};
/// `name_space`: of the agent, where a service says none. Nothing: it sets nothing that another one could set back (run_pipeline, notify, ...).
std::optional<Claim> claim_of(const DecidedAction& action, const std::string& name_space);

/// Takes notes of who has set what. A reversal is a value set back, by another rule than had set it: of numbers one that
/// goes the other way again, else the value of before. After kMostReversals of one subject within kWindowUs its rules are
/// held for kFirstHoldUs, which doubles with each contest up to kLongestHoldUs.
class Contests {
 public:
  static constexpr std::size_t kMostReversals = 3;
  static constexpr std::int64_t kWindowUs = 600'000'000, kFirstHoldUs = 60'000'000,
                                kLongestHoldUs = 3'600'000'000;
  struct Contest {
    std::string subject;
    std::vector<std::string> rules;
    std::int64_t until_us = 0;
  };
  /// Why a rule (NAMESPACE/AGENT/RULE) may not ask for these now; "": it may.
  std::string why_not(const std::string& rule, const std::vector<DecidedAction>& actions,
                      std::int64_t now_us) const;
  /// It asks for them: a contest that begins with that.
  std::optional<Contest> note(const std::string& rule, const std::vector<DecidedAction>& actions,
                              std::int64_t now_us);

 private:
  struct Setting {
    std::int64_t time_us = 0;
    std::string rule;
    json value;
  };
  struct Subject {
    std::deque<Setting> settings;  // oldest first, the last of them however old
    std::deque<std::int64_t> reversals_us;
    std::vector<std::string> rules;  // of the contest
    std::int64_t held_until_us = 0, hold_us = kFirstHoldUs;
  };
  static constexpr std::size_t kMostSubjects = 10'000;
  static bool is_reversal(const Subject& subject, const std::string& rule, const json& value);
  void forget(std::int64_t now_us);

  std::map<std::string, Subject> subjects_;
};

}  // namespace scanflow::control
