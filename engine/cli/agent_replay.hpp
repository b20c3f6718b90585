// scanflow agent record | replay: what agents could be woken by, and what one would have decided of it.
#pragma once

#include <string>

#include "engine/cli/context.hpp"

namespace scanflow::cli {

struct ReplayCommand {
  std::string file, from;   // of an agent; of a record ("-": stdin)
  std::string last = "1h";  // of record
  std::string to;           // a file; empty: stdout
};
int agent_record(const Context& context, const ReplayCommand& command);
int agent_replay(const Context& context, const ReplayCommand& command);

}  // namespace scanflow::cli
