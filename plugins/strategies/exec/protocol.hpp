// What a program that decides is asked, and what it answers: a JSON document each. Pure.
#pragma once

#include <scanflow/strategy.hpp>
#include <string>

namespace scanflow::strategies {

/// {"now_us", "evidence", "see", "state"}; "see" only where the rule has one.
std::string question_of(const Evidence& evidence);
/// Of {"actions": [{"primitive", "target", "args"}], "state"}. Throws std::invalid_argument, which says what is wrong.
Decision decision_of(const std::string& answer);

}  // namespace scanflow::strategies
