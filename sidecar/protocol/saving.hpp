// How long a Pod that is to end is waited for, so that its sidecar can save what an attempt leaves: each of these who
// wait has to wait longer than the one before.
#pragma once

#include <cstdint>

namespace scanflow::protocol {

/// A sidecar tries, and whoever wants its result waits for it.
inline constexpr std::int64_t kSavingUs = 60'000'000;
/// Then it leaves, where it was told to.
inline constexpr std::int64_t kSidecarGraceUs = kSavingUs + 5'000'000;
/// And then its Pod is killed.
inline constexpr std::int64_t kPodGraceUs = kSidecarGraceUs + 5'000'000;

}  // namespace scanflow::protocol
