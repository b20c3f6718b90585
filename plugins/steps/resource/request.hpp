// What a `resource` step is told to do, checked. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "plugins/steps/resource/condition.hpp"
#include "plugins/steps/resource/wanted.hpp"
#include "sdk/base/result.hpp"

namespace scanflow::resource {

enum class Action { apply, create, get, remove };

struct Request {
  Action action = Action::apply;
  nlohmann::json object;           // its manifest
  std::string name;                // "": the API server makes one up (generateName)
  std::string name_space;          // "": the context's
  std::string context;             // of the kubeconfig; "": its current one
  std::vector<Condition> success;  // all of them
  std::vector<Condition> failure;  // one of them
  std::vector<std::pair<std::string, kube::JsonPath>> outputs;
  bool remove = false;  // the object, when the step has ended
  bool force = false;   // fields that others have set are taken from them

  std::string api_version() const { return object.at("apiVersion"); }
  std::string kind() const { return object.at("kind"); }
};

/// An error says what is wrong, and the fix.
Result<Request> request_of(const Wanted& wanted);

/// How far it is.
struct Verdict {
  enum class State { waits, holds, failed };
  State state = State::waits;
  std::string text;
};
Verdict judge(const Request& request, const nlohmann::json& object);

}  // namespace scanflow::resource
