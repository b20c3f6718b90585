// A `resource` step as it stands in the pipeline, and what becomes of it. No header of the host's: a plugin's Error is
// not the host's.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <vector>

namespace scanflow::resource {

struct Wanted {
  nlohmann::json manifest;
  std::string action = "apply";
  std::string name_space, context;
  std::vector<std::string> success, failure;
  nlohmann::json outputs = nlohmann::json::object();
  bool remove = false, force = false;
};

/// What is wrong with it; "" where it can be done.
std::string problem_of(const Wanted& wanted);

struct Said {
  std::function<void(const std::string&)> info;      // for the log
  std::function<void(const std::string&)> progress;  // what it waits for
};

struct Outcome {
  std::string problem;     // why it failed; empty: it is done, and then
  std::string object;      // "Deployment shop/web", for a person
  nlohmann::json outputs;  // of the step
};
/// Does it, to its end. Blocks; `stop` ends it.
Outcome carry_out(const Wanted& wanted, const Said& said, const std::stop_token& stop);

}  // namespace scanflow::resource
