// scanflow agent run: an agent at work in this process.
#pragma once

#include <string>

#include "engine/cli/context.hpp"

namespace scanflow::cli {

struct AgentRunCommand {
  std::string agent;  // NAMESPACE/NAME
  std::string file;   // -f: applied first
};
int agent_run(const Context& context, const AgentRunCommand& command);

}  // namespace scanflow::cli
