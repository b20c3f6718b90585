// A run that goes on in the background: a process of its own follows it to its end as any `run` does
// (it is the engine where there is none, and takes over from one that ends first), so that whoever
// started it can leave as soon as an engine has taken it.
#pragma once

#include "engine/cli/context.hpp"
#include "engine/cli/follow.hpp"

namespace scanflow::cli {

/// Blocks until an engine has committed to the run, or refused it; the Outcome's result is then that
/// of detached(). Only for a process with one thread. The process in the background has a session of
/// its own; SIGTERM makes it cancel the run. What goes wrong later is in STATE/detached.log, and as
/// ever in the run. A server needs no such process.
Outcome detach(const Context& context, const runtime::StateDirectory& state, Target target,
               store::Durability durability);

/// Prints the run's id, or why there is none; gives the exit status.
int report_detached(const Context& context, const Outcome& outcome);

}  // namespace scanflow::cli
