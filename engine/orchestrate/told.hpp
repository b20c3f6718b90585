// What a cluster's own users are told of a primitive: an Event on its target, as `kubectl describe` shows it.
#pragma once

#include <string>

#include "engine/kube/client.hpp"
#include "engine/kube/event_series.hpp"
#include "engine/orchestrate/primitive.hpp"

namespace scanflow::orchestrate {

/// "ScaleDone", "SetTrafficRefused" and the outcome's message, with who asked for it. Of a Secret the message is left
/// out: others may read its Events. `uid`: the target's. Pure.
kube::Event event_of(const Request& request, const std::string& uid, const Outcome& outcome);

/// Writes it, within a few seconds; the outcome's evidence says what became of that ("event"), and nothing else of
/// it changes. `uid` empty: the target was not read, and nothing can be told on it.
void tell(kube::Client& client, const Request& request, const std::string& uid, Outcome& outcome,
          const std::stop_token& stop);

}  // namespace scanflow::orchestrate
