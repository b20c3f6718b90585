// What the hub takes from sidecars, at most; and budgets that fill up with time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace scanflow::hub {

struct Rate {
  std::uint64_t a_second = 0, at_once = 0;
};

struct HubLimits {
  std::size_t sessions = 5000;       // attached; twice as many are known with those that are away
  std::size_t user_sessions = 1000;  // of these with one key (or one user id, locally)
  std::int64_t heartbeat_us = 2'000'000;
  std::int64_t lease_us = 10'000'000;  // a sidecar that says nothing for so long is lost
  std::int64_t sample_us = 1'000'000;
  std::uint64_t credit = 10'000;    // samples of one sidecar that may be on their way
  std::uint32_t window = 64;        // deliveries of one sidecar that may wait for their commit
  std::size_t series = 2000;        // of one sidecar's boot
  std::size_t series_bytes = 4096;  // of one's name and labels
  std::size_t commands = 1000;      // of one sidecar that wait for it
  Rate bytes{8u << 20, 24u << 20};  // of one sidecar; each message costs kMessageCost more
  Rate greetings{2, 20};            // Hellos of one sidecar; of one user user_sessions at once
  /// A connection that has not shown a key by then is closed. One whose key is refused hears nothing
  /// until then, and may try again: libzmq has no other way that is not for ever.
  std::int64_t handshake_us = 10'000'000;
  std::int64_t odd_us = 60'000'000;         // between two accounts of what is odd
  std::int64_t greet_again_us = 1'000'000;  // between two Welcomes because something did not come
};

/// Bytes that reading any message at all is worth.
inline constexpr std::uint64_t kMessageCost = 256;
/// Of a connection without a session: enough for what a sidecar had under way when its hub went.
inline constexpr Rate kStrangerBytes{1u << 20, 8u << 20};

/// How much of a rate is used up.
class Meter {
 public:
  /// False: there is not so much left, and nothing is taken.
  bool take(std::uint64_t cost, const Rate& rate, std::int64_t now_us) {
    const auto past_us =
        static_cast<std::uint64_t>(std::clamp<std::int64_t>(now_us - at_us_, 0, kMostUs));
    at_us_ = now_us;
    used_ -= std::min(used_, past_us * rate.a_second);
    if (cost > rate.at_once || used_ + cost * kScale > rate.at_once * kScale) return false;
    used_ += cost * kScale;
    return true;
  }
  /// Since when nothing was asked of it.
  std::int64_t at_us() const { return at_us_; }

 private:
  static constexpr std::int64_t kMostUs = 60'000'000;  // by then all is there again
  static constexpr std::uint64_t kScale = 1'000'000;

  std::uint64_t used_ = 0;  // in millionths
  std::int64_t at_us_ = 0;
};

}  // namespace scanflow::hub
