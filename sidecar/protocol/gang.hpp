// A gang: attempts of one step that start together and end as one (`replicas`). That of rank 0 goes by the
// attempt's own name; whoever runs them knows the others as attempts of their own, "train@2".
#pragma once

#include <cstdint>
#include <string>

#include "sidecar/protocol/messages.hpp"

namespace scanflow::protocol {

struct Rank {
  AttemptId gang;
  std::uint32_t rank = 0;
};

AttemptId member_of(const AttemptId& gang, std::uint32_t rank);
/// Of an attempt that is of no gang: itself, and 0.
Rank rank_of(const AttemptId& member);

}  // namespace scanflow::protocol
