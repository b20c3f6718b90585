// Run identities: UUIDv7 (RFC 9562), so that ids sort by time.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace scanflow {

/// `unix_ms`: milliseconds since 1970-01-01 UTC. Random bits from the kernel.
std::string uuid_v7(std::int64_t unix_ms);
/// The same with these bits instead, as far as the version and the time leave them.
using UuidBits = std::array<unsigned char, 16>;
std::string uuid_v7(std::int64_t unix_ms, UuidBits bits);
/// The same for the same `name`, where an id must be found again: its bits are those of a SHA-256.
std::string uuid_v7(std::int64_t unix_ms, std::string_view name);

/// What people are shown and type instead: the milliseconds and 12 more bits, so that the runs of a
/// script that starts hundreds at once are told apart too.
std::string short_id(const std::string& uuid);

}  // namespace scanflow
