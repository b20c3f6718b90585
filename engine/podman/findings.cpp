#include "engine/podman/findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

namespace scanflow::podman {
namespace {

using State = Finding::State;

Finding podman_finding(const Facts& facts) {
  int major = 0, minor = 0;
  std::string how = facts.rootless ? ", without root" : ", as root";
  if (facts.remote) how = fmt::format(", a service ({})", facts.service);
  const std::string text = fmt::format("{}{}", facts.version, how);
  if (std::sscanf(facts.version.c_str(), "%d.%d", &major, &minor) != 2) {
    return {"podman", State::advice, text, "its version is not known: 4.3 and later are tried"};
  }
  if (major < 4 || (major == 4 && minor < 3)) {
    return {"podman", State::problem, text,
            "podman 4.3 or later (Debian 12 has it): before, `kube play` is another command"};
  }
  return {"podman", State::ok, text, ""};
}

Finding runtime_finding(const Facts& facts, const Settings& settings) {
  const std::string cgroups = facts.cgroup_version == 2 ? "version 2"
                              : facts.cgroup_hybrid
                                  ? "version 1 with the unified tree beside it (hybrid)"
                                  : "version 1";
  const std::string text = fmt::format("{}, cgroups {}", facts.runtime, cgroups);
  if (facts.runtime.empty()) {
    return {"runtime", State::problem, "none", "install one: apt install runc"};
  }
  if (!settings.runtime.empty()) {
    return {
        "runtime", State::handled,
        fmt::format("{}: crun refuses these, so {} is taken (--runtime)", text, settings.runtime),
        ""};
  }
  if (facts.runtime == "crun" && facts.cgroup_version == 1 && facts.cgroup_hybrid) {
    return {"runtime", State::problem, text + ": crun refuses these", "apt install runc"};
  }
  return {"runtime", State::ok, text, ""};
}

Finding rlimits_finding(const Facts& facts, const Settings& settings) {
  if (facts.rootless || facts.raises_limits) {
    return {"rlimits", State::ok, facts.rootless ? "those of this user" : "may be raised", ""};
  }
  const std::string text = fmt::format("at most nofile {}, nproc {}, and not to be raised here",
                                       facts.open_files, facts.processes);
  if (!settings.containers_conf.empty()) {
    return {"rlimits", State::handled, text + ": given to podman by a containers.conf of our own",
            ""};
  }
  if (facts.sets_ulimits) {
    return {"rlimits", State::ok,
            fmt::format("{}; {} sets others", text, fmt::join(facts.configuration, ", ")), ""};
  }
  if (facts.configuration.empty()) return {"rlimits", State::ok, text, ""};
  return {"rlimits", State::problem, text + ", less than podman sets",
          fmt::format("write into {}: [containers] default_ulimits = [\"nofile={}:{}\", "
                      "\"nproc={}:{}\"]",
                      facts.configuration.back(), facts.open_files, facts.open_files,
                      facts.processes, facts.processes)};
}

Finding pause_finding(const Facts& facts) {
  const bool made = std::any_of(facts.images.begin(), facts.images.end(), [](const auto& name) {
    return name.find("/podman-pause:") != std::string::npos;
  });
  if (made) return {"pause image", State::ok, "is here", ""};
  if (facts.has("catatonit")) {
    return {"pause image", State::ok, "is made with the first Pod, of catatonit", ""};
  }
  return {"pause image", State::problem, "there is no catatonit to make it of",
          "apt install catatonit"};
}

Finding cgroups_finding(const Facts& facts, const Settings& settings) {
  const std::string text = fmt::format(
      "managed by {}; limits of memory and CPU are kept{}", facts.cgroup_manager,
      settings.processes == 0 ? ""
                              : fmt::format(", and {} processes a container", settings.processes));
  if (settings.unlimited.empty()) return {"cgroups", State::ok, text, ""};
  const std::string fix =
      "have them delegated (systemd: Delegate=cpu cpuset memory pids of user@.service), or run as "
      "root";
  return {
      "cgroups", State::advice, no_limits(settings),
      facts.cgroup_version == 2
          ? fix
          : "version 1 gives users none: boot with systemd.unified_cgroup_hierarchy=1, and " + fix};
}

Finding network_finding(const Facts& facts) {
  if (facts.rootless) {
    if (!facts.has("slirp4netns"))
      return {"network", State::problem, "no slirp4netns", "apt install slirp4netns"};
    if (!facts.opens_tun) {
      return {"network", State::problem, "slirp4netns may not open /dev/net/tun",
              std::string(kTunFix)};
    }
    return {"network", State::ok, "slirp4netns", ""};
  }
  if (facts.network_backend == "netavark" && !facts.has("iptables")) {
    return {"network", State::problem, "netavark without iptables, which it calls",
            "apt install iptables"};
  }
  if (facts.network_backend.empty()) {
    return {"network", State::problem, "none", "apt install netavark iptables"};
  }
  return {"network", State::ok, fmt::format("bridge 'podman', by {}", facts.network_backend), ""};
}

Finding storage_finding(const Facts& facts) {
  const std::string text = fmt::format("{} in {}", facts.storage_driver, facts.storage_root);
  if (facts.storage_driver == "vfs") {
    return {"storage", State::advice, text + ": each container copies its image",
            "apt install fuse-overlayfs, then podman system reset, for overlay"};
  }
  return {"storage", State::ok, text, ""};
}

std::optional<Finding> user_finding(const Facts& facts) {
  if (!facts.rootless || facts.has("newuidmap")) return std::nullopt;
  return Finding{"user", State::problem, "no newuidmap, so containers have only one user",
                 "apt install uidmap, and lines for this user in /etc/subuid and /etc/subgid"};
}

/// "localhost/x" and "localhost/x:latest" are one.
bool is_here(const Facts& facts, const std::string& image) {
  const std::string tagged =
      image.find(':', image.rfind('/') + 1) == std::string::npos ? image + ":latest" : image;
  return std::find(facts.images.begin(), facts.images.end(), tagged) != facts.images.end();
}

}  // namespace

std::string no_limits(const Settings& settings) {
  if (settings.unlimited.empty()) return {};
  return fmt::format("a Pod's limits of {} are not kept: this user has no such cgroup controller",
                     fmt::join(settings.unlimited, ", "));
}

std::vector<Finding> findings(const Facts& facts, const Settings& settings,
                              const std::vector<std::string>& images) {
  std::vector<Finding> all{podman_finding(facts)};
  if (facts.remote) {
    all.push_back({"service", State::advice, "the points below are those of the service's machine",
                   "a Pod's end by memory is seen only where podman runs here"});
  }
  all.push_back(runtime_finding(facts, settings));
  if (!facts.remote) {
    all.push_back(rlimits_finding(facts, settings));
    all.push_back(pause_finding(facts));
  }
  all.push_back(cgroups_finding(facts, settings));
  if (!facts.remote) all.push_back(network_finding(facts));
  all.push_back(storage_finding(facts));
  if (auto user = user_finding(facts)) all.push_back(*user);
  for (const std::string& image : images) {
    if (is_here(facts, image)) {
      all.push_back({"image", State::ok, image, ""});
    } else {
      all.push_back({"image", State::advice, image + " is not here",
                     "./dev images NAME, or deploy/docker/build NAME"});
    }
  }
  return all;
}

Finding finding(const Failure& failure) { return {"podman", State::problem, failure.message, ""}; }

}  // namespace scanflow::podman
