// What the core keeps of one sidecar. For the sources of Core only.
#pragma once

#include <deque>
#include <limits>
#include <string>
#include <vector>

#include "engine/hub/core.hpp"

namespace scanflow::hub {

struct Core::Pending {
  protocol::Command command;
  std::int64_t deadline_us = 0;
  std::int64_t send_us = 0;  // when it is sent next
  bool sent = false;         // ever: from then on only the sidecar knows of its end
  bool received = false;     // in this session
};

struct Core::Session {
  /// A series of this boot: the owner's number for it, and what it is known by.
  struct Named {
    static constexpr std::uint64_t kUnnamed = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t owners = kUnnamed;
    std::size_t hash = 0;
  };

  SidecarKey key;
  std::string routing_id;  // empty: it is away
  std::string boot_id;
  std::deque<std::string> fenced;  // earlier boots
  std::uint64_t seq = 0;           // of what was said to it last
  std::uint64_t handled = 0;       // its highest number
  std::int64_t heard_us = 0, beat_us = 0;
  std::int64_t suspected_us = -1;  // the heard_us with which it was
  std::int64_t welcomed_us = 0;
  bool gap = false;  // something did not come since then
  Meter bytes, greetings;
  TelemetryAccount account;
  std::uint64_t granted = 0;  // samples that may be sent in this boot
  std::vector<Named> series;  // by number - 1
  std::string spool;
  std::uint64_t taken = 0, committed = 0;  // deliveries
  std::vector<Pending> commands;

  bool attached() const { return !routing_id.empty(); }
};

}  // namespace scanflow::hub
