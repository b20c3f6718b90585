// Who speaks with the hub.
#pragma once

#include <compare>
#include <string>

namespace scanflow::hub {

/// Who a sidecar is: the key that it showed (or its user id, locally), and its Pod.
struct SidecarKey {
  std::string user, pod_uid;
  auto operator<=>(const SidecarKey&) const = default;
};

/// Where a message came from, as the transport knows it.
struct Peer {
  std::string routing_id;
  std::string user;
};

struct Outgoing {
  std::string routing_id, bytes;
};

}  // namespace scanflow::hub
