// What podman refused, and what a user can do about it. Pure: read from what podman said (4.3's words).
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace scanflow::podman {

enum class Refusal {
  absent,       // no podman on this machine
  service,      // CONTAINER_HOST names a service that does not answer
  image,        // not here, and not to be had; or no name of one
  registry,     // it could not be reached just now
  manifest,     // it cannot be made as it is asked for
  rlimits,      // the machine does not allow the limits that podman sets
  runtime,      // crun or runc: absent, or not for this machine's cgroups
  pause_image,  // what keeps a Pod's namespaces cannot be made
  network,      // no such network, or a program for it is missing
  rootless,     // user namespaces are not set up for this user
  settings,     // a configuration file that cannot be read
  program,      // the container's command is not in its image
  exists,       // a Pod of this name is there already
  missing,      // no such Pod or container
  deadline,     // podman did not end in time, and was killed
  stopped,      // the caller did not want it any more
  other,
};

struct Failure {
  Refusal kind = Refusal::other;
  std::string message;  // what, why and the fix
};

template <class T>
using Answer = tl::expected<T, Failure>;

inline tl::unexpected<Failure> refuse(Refusal kind, std::string message) {
  return tl::unexpected<Failure>(Failure{kind, std::move(message)});
}

/// Of a podman that ended with another status than 0. `what`: what it was to do ("start the Pod x").
Failure explain(std::string_view what, std::string_view said);

/// Where podman's own limits are refused.
inline constexpr std::string_view kUlimitsFix =
    "this machine does not allow the limits that podman sets: write into "
    "/etc/containers/containers.conf: [containers] default_ulimits = "
    "[\"nofile=20000:20000\", \"nproc=4096:4096\"]";

/// Where a user may not open it, or there is none.
inline constexpr std::string_view kTunFix =
    "a network without root is made by /dev/net/tun, which each user must be able to open: as "
    "root, "
    "modprobe tun and chmod 666 /dev/net/tun (udev does both; without it, after each boot)";

}  // namespace scanflow::podman
