// What became of the samples of one sidecar's boot, as far as the hub can tell.
//
// produced() == received() + dropped() + lost() + pending(), to the sample, at any time.
#pragma once

#include <cstdint>

#include "sidecar/protocol/messages.hpp"

namespace scanflow::hub {

class TelemetryAccount {
 public:
  TelemetryAccount() = default;
  /// Of a boot that this hub does not know: what was sent to another one is not its concern.
  explicit TelemetryAccount(const protocol::Account& begin)
      : before_{begin.sent + begin.dropped, begin.dropped, begin.sent} {
    (void)settle(begin);
  }

  /// Samples have come, `known` of them of series that are known; the others are lost. Those with
  /// numbers before the first of them that were not dropped were sent earlier. False: the figures
  /// contradict each other, or what was said before; then nothing is counted.
  bool take(const protocol::Telemetry& batch, std::uint64_t known) {
    const std::uint64_t count = batch.numbers.size();
    if (count == 0 || batch.first <= batch.dropped) return false;
    const std::uint64_t sent_before = batch.first - 1 - batch.dropped;
    if (!settle({batch.produced, batch.dropped, sent_before}, count)) return false;
    received_ += known;
    return true;
  }
  /// Whatever was sent by now and is not here is lost.
  bool settle(const protocol::Account& account) { return settle(account, 0); }

  std::uint64_t produced() const { return now_.produced; }
  std::uint64_t received() const { return received_; }
  std::uint64_t dropped() const { return now_.dropped; }
  std::uint64_t lost() const { return now_.sent - received_; }
  /// With what another hub was sent.
  std::uint64_t sent() const { return before_.sent + now_.sent; }
  std::uint64_t pending() const { return now_.produced - now_.sent - now_.dropped; }

 private:
  bool settle(protocol::Account said, std::uint64_t more) {
    if (said.sent < before_.sent || said.dropped < before_.dropped ||
        said.produced < before_.produced) {
      return false;
    }
    said = {said.produced - before_.produced, said.dropped - before_.dropped,
            said.sent - before_.sent};
    if (said.produced < now_.produced || said.dropped < now_.dropped || said.sent < now_.sent ||
        said.dropped > said.produced || said.sent > said.produced - said.dropped ||
        more > said.produced - said.dropped - said.sent) {
      return false;
    }
    now_ = said;
    now_.sent += more;
    return true;
  }

  protocol::Account before_;  // of what is not counted here
  protocol::Account now_;     // `sent`: those that are here or lost
  std::uint64_t received_ = 0;
};

}  // namespace scanflow::hub
