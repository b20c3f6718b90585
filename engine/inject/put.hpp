// Puts the sidecar into one Pod that has none, and the record of it.
#pragma once

#include "engine/inject/editor.hpp"
#include "engine/inject/pod.hpp"
#include "engine/inject/settings.hpp"

namespace scanflow::inject {

void put_into(Editor& pod, const PodFacts& facts, const Settings& settings);

}  // namespace scanflow::inject
