// How a Pod is now, for whoever looks on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sidecar/protocol/messages.hpp"

namespace scanflow::backend {

struct PodStatus {
  std::string name;
  std::string node;                            // the machine that it is on; empty: not known
  std::optional<protocol::AttemptId> attempt;  // that it has; none: it is kept for the next one
  std::uint32_t uses = 0, most_uses = 1;       // attempts, with this one
  std::int64_t age_us = 0, most_age_us = 0;    // 0: as old as it likes
  std::int64_t idle_us = 0, most_idle_us = 0;  // without an attempt
};

}  // namespace scanflow::backend
