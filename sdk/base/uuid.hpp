// Run identities: UUIDv7 (RFC 9562), so that ids sort by time.
#pragma once

#include <cstdint>
#include <string>

namespace scanflow {

/// `unix_ms`: milliseconds since 1970-01-01 UTC. Random bits from the kernel.
std::string uuid_v7(std::int64_t unix_ms);

}  // namespace scanflow
