// Who speaks with the hub.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace scanflow::hub {

/// Who a sidecar is: the key that it showed (or its user id, locally), and its Pod.
struct SidecarKey {
  std::string user, pod_uid;
  auto operator<=>(const SidecarKey&) const = default;
};

/// May it have a session? `later`: it is not known yet; it greets again.
enum class Entry : std::uint8_t { yes, later, no };

/// Where a message came from, as the transport knows it.
struct Peer {
  std::string routing_id;
  std::string user;
};

struct Outgoing {
  std::string routing_id, bytes;
};

}  // namespace scanflow::hub
