// Where the attempts of a step leave what the next one goes on from:
//   STATE/checkpoints/RUN/STEP/WORK
// STEP is a hash of the step's identity, WORK one of what it does (configuration, variables, inputs),
// so that whoever finds something there is about to do the same work. Only the names are made here:
// the directory is the worker's to make, once somebody wants it.
#pragma once

#include <map>
#include <string>

#include "engine/runtime/state_directory.hpp"
#include "sidecar/protocol/messages.hpp"

namespace scanflow::runtime {

/// Of an attempt with this request; own: the variables that the step itself sets. Empty: a step that
/// the engine carries out itself has nothing to leave. `beside`: it began beside another attempt, and
/// has a directory of its own (WORK-NUMBER), in which it begins anew: two never write to one.
std::string checkpoint_directory(const StateDirectory& state, const protocol::Request& request,
                                 const std::map<std::string, std::string>& own, bool beside);

/// `run` repeats `earlier`, which is over: what that one's steps have left is there for those of
/// `run`. It is moved, in one step: nobody goes on with `earlier`, and a second run that repeats it
/// begins anew rather than share what another one is writing.
void inherit_checkpoints(const StateDirectory& state, const std::string& earlier,
                         const std::string& run);

/// Whether any attempt of the step has left something. Takes 3 us.
bool has_checkpoints(const StateDirectory& state, const std::string& run, const std::string& step);
/// Of a step that has succeeded: its work is done, and would begin anew if it were to run again.
void remove_checkpoints(const StateDirectory& state, const std::string& run,
                        const std::string& step);
/// Of a run that is deleted.
void remove_checkpoints(const StateDirectory& state, const std::string& run);

}  // namespace scanflow::runtime
