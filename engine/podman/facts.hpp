// What there is on a machine for podman to work with. Plain data, read from `podman info`; machine.hpp gathers it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/result.hpp"

namespace scanflow::podman {

struct Facts {
  // As podman says.
  std::string version;
  std::string hostname;
  bool rootless = false;
  bool remote = false;  // a service elsewhere does the work
  std::string runtime;  // that it would take: "crun"
  int cgroup_version = 0;
  std::string cgroup_manager;
  std::vector<std::string> cgroup_controllers;
  std::string network_backend;  // "netavark", "cni"
  std::string storage_driver;   // "overlay", "vfs"
  std::string storage_root;
  std::vector<std::string> images;  // names with tags

  // As the machine is.
  bool cgroup_hybrid = false;  // version 1 with the unified tree beside it
  bool raises_limits = false;  // CAP_SYS_RESOURCE
  bool opens_tun = false;      // /dev/net/tun: a network without root is made by it
  std::uint64_t open_files = 0, processes = 0;  // what may be given: hard limits
  std::map<std::string, std::string> programs;  // kPrograms; empty: not here
  std::vector<std::string> configuration;  // containers.conf files of the administrator or user
  bool sets_ulimits = false;               // one of them has default_ulimits
  std::string distribution;                // the text of the distribution's containers.conf
  std::string service;                     // CONTAINER_HOST

  bool has(const std::string& program) const {
    const auto found = programs.find(program);
    return found != programs.end() && !found->second.empty();
  }
  bool controls(const std::string& controller) const {
    return std::find(cgroup_controllers.begin(), cgroup_controllers.end(), controller) !=
           cgroup_controllers.end();
  }
};

/// Programs that podman calls: what is looked for.
inline constexpr const char* kPrograms[] = {"runc",     "crun",        "catatonit", "conmon",
                                            "iptables", "slirp4netns", "newuidmap"};

/// The first half, of `podman info --format json` (not the images).
Result<Facts> read_info(std::string_view json);

/// What podman itself does not work around. Pure.
struct Settings {
  std::string runtime;          // --runtime; empty: podman's choice
  std::string containers_conf;  // the text of a file for CONTAINERS_CONF; empty: podman's own
  std::uint64_t processes = 0;  // that a container may have; 0: without a limit
  std::vector<std::string> unlimited;  // of memory, cpu, pids: what no cgroup of this user's limits
};
/// A containers.conf is only made up where nobody has written one: it would hide theirs.
Settings settings_for(const Facts& facts);

}  // namespace scanflow::podman
