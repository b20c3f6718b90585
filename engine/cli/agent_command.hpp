// scanflow agent: what looks after things at a server, and what it has decided.
#pragma once

#include <functional>
#include <string>

#include "engine/cli/agent_replay.hpp"
#include "engine/cli/agent_run.hpp"
#include "engine/cli/context.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace scanflow::cli {

struct AgentOptions {
  std::string name;                  // NAME, or NAMESPACE/NAME
  std::string name_space;            // -n; empty: "default"
  std::string decision;              // an id, or its beginning
  std::string type, payload = "{}";  // of an event
  bool reject = false, open = false;
  unsigned limit = 20;
  ReplayCommand replay;
  AgentRunCommand run;
};

/// Declares the commands; the chosen one goes into `command`.
void add_agent(CLI::App& app, const Context& context, AgentOptions& options,
               std::function<int()>& command);

}  // namespace scanflow::cli
