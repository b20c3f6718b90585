// A line for whoever reads the sidecar's log.
#pragma once

#include <string_view>

namespace scanflow::sidecar {

/// "2026-11-28T14:00:00Z scanflow-sidecar: TEXT" to stderr.
void note(std::string_view text);

}  // namespace scanflow::sidecar
