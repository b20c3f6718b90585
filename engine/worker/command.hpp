// The built-in step `command`: a request becomes a program with its environment.
//
// Keys of its configuration: `argv` (list) or `run` (a script for `shell`, "bash" by default),
// `cwd` (relative ones start at the request's). Every further key is a parameter:
//   SCANFLOW_PARAM_<NAME>   text as it is, anything else as JSON; left out over 64 KiB
//   SCANFLOW_PARAMS         a file with all of them as one JSON object
//   SCANFLOW_INPUT_<NAME>   the path of an input artifact
// NAME is in upper case, with '_' for whatever is neither letter nor digit. And
//   SCANFLOW_OUTPUT, SCANFLOW_METRICS, SCANFLOW_ARTIFACTS   command_files.hpp
//   SCANFLOW_CHECKPOINTS    a directory that the step's attempts share; made where the text of the
//                           command names the variable, else by the program; empty: there is none
//   SCANFLOW_SOCKET         program_link.hpp; empty: there is none
//   SCANFLOW_RUN, SCANFLOW_STEP, SCANFLOW_ATTEMPT, SCANFLOW_THREADS, SCANFLOW_SLOT
// PYTHONPATH ends with the directory of scanflow.py (sdk/python), where that is installed.
// OMP_NUM_THREADS is the step's CPU request unless the step or the user sets it. The step's own
// variables win over these, and its secrets over all.
#pragma once

#include <string>
#include <vector>

#include "engine/worker/spawn.hpp"
#include "sdk/base/result.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::worker {

/// Where the files of the attempt's slot lie.
struct CommandFiles {
  std::string directory;
  std::string params;
  std::string output;
  std::string metrics;
  std::string artifacts;
  std::string scratch;
  std::string script;
  std::string socket;  // empty: none
};

struct Command {
  std::string file;  // absolute
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string cwd;
  std::string params = "{}";  // for the file SCANFLOW_PARAMS
  std::string script;         // for the script's file; empty: handed over in argv
};

/// `base`: the environment to start from, NAME=value. Errors are the user's (cause config).
Result<Command> make_command(const protocol::Request& request, const CommandFiles& files,
                             const std::vector<std::string>& base, ProgramFinder& programs);

}  // namespace scanflow::worker
