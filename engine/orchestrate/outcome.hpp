// What becomes of a primitive that is asked of a cluster's object. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "engine/kube/failure.hpp"

namespace scanflow::orchestrate {

using nlohmann::json;

struct Outcome {
  enum class State {
    done,
    refused,      // here, by the API server or by a budget: nothing was changed
    failed,       // it was tried, and is not so
    unsupported,  // this object or this cluster cannot do it
  };
  State state = State::done;
  std::string message;             // what, where, why and the fix
  json evidence = json::object();  // what was read and written
  bool answered = true;            // false: the API server could not be asked
};
/// "DONE", "REFUSED", "FAILED", "UNSUPPORTED".
std::string_view name_of(Outcome::State state);

Outcome refused(std::string message, json evidence = json::object());
Outcome failed(std::string message, json evidence = json::object());
Outcome unsupported(std::string message, json evidence = json::object());
/// What the API server said to what was asked: "read Deployment shop/web".
Outcome outcome_of(const kube::Failure& failure, const std::string& asked);

/// Others have changed the object since it was read: to be decided anew. (Fields that others have
/// applied are a conflict of another kind.)
bool is_stale(const kube::Failure& failure);
/// Whose they are: "manager" of each; "" where it is no such conflict.
std::string managers_of(const kube::Failure& failure);

}  // namespace scanflow::orchestrate
