// One point of a check: whether something can run here, and what to do about what is missing.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace scanflow {

struct Finding {
  enum class State {
    ok,
    handled,  // Scanflow works around it
    advice,   // it goes without it
    problem,  // it does not
  };
  std::string point;  // "network"
  State state = State::ok;
  std::string text;  // what there is
  std::string fix;   // empty where nothing has to be done
};

inline std::string_view name_of(Finding::State state) {
  switch (state) {
    case Finding::State::ok:
      return "ok";
    case Finding::State::handled:
      return "handled";
    case Finding::State::advice:
      return "advice";
    case Finding::State::problem:
      break;
  }
  return "problem";
}

/// No problem among them?
inline bool is_ready(const std::vector<Finding>& findings) {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& each) { return each.state == Finding::State::problem; });
}

}  // namespace scanflow
