// The primitive notify: somebody is told, by a web hook, or by a program of this machine.
#pragma once

#include <stop_token>

#include "engine/control/actor.hpp"

namespace scanflow::control {

/// Waits for both, for 30 s each. Its arguments are right.
Outcome notify(const Order& order, const std::stop_token& stop);

}  // namespace scanflow::control
