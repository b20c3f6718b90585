// Who carries out what rules decide.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "engine/control/decision.hpp"

namespace scanflow::control {

struct Order {
  std::string id;  // the same again is done once; letters, digits and '-'
  DecidedAction action;
  std::string agent, rule, decision;
  int depth = 0;  // as of Decision
  std::string name_space() const { return agent.substr(0, agent.find('/')); }
};
struct Outcome {
  std::string outcome;  // DONE, or why not
  std::string message;
  json evidence = json::object();
  static Outcome failed(std::string message) {
    return {"FAILED", std::move(message), json::object()};
  }
  static Outcome done(json evidence = json::object()) { return {"DONE", "", std::move(evidence)}; }
};

/// Thread-safe.
class Actor {
 public:
  virtual ~Actor() = default;
  /// `then` is called once, on whatever thread, be it at once; not where the engine ends first.
  virtual void act(const Order& order, std::function<void(Outcome)> then) = 0;
};

}  // namespace scanflow::control
